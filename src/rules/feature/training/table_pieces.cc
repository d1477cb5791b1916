#include "rules/feature/training/table_pieces.h"

#include <arrow/api.h>

namespace weirhouse::feature {
namespace {
class GroupsOfFiles final : public FeaturePieces {
 public:
  GroupsOfFiles(std::shared_ptr<arrow::Schema> schema, bool unique_keys)
      : schema_(std::move(schema)), unique_keys_(unique_keys) {}

  void Add(std::unique_ptr<iceberg::RowGroups> file) {
    for (int group = 0; group < file->count(); ++group) places_.push_back({files_.size(), group});
    files_.push_back(std::move(file));
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  std::size_t count() const override { return places_.size(); }
  std::int64_t rows_max(std::size_t piece) const override {
    return FileOf(piece).rows_max(places_[piece].group);
  }
  bool unique_keys() const override { return unique_keys_; }
  std::optional<PieceBounds> BoundsOf(std::size_t piece, const std::string& column) const override {
    const auto bounds = FileOf(piece).BoundsOf(places_[piece].group, column);
    if (!bounds) return std::nullopt;
    return PieceBounds{bounds->minimum, bounds->maximum};
  }
  Result<std::shared_ptr<arrow::Table>> Read(
      std::size_t piece, const std::vector<std::string>& columns) const override {
    return FileOf(piece).Read(places_[piece].group, columns);
  }

 private:
  struct Place {
    std::size_t file = 0;
    int group = 0;
  };
  const iceberg::RowGroups& FileOf(std::size_t piece) const { return *files_[places_[piece].file]; }

  std::shared_ptr<arrow::Schema> schema_;
  bool unique_keys_;
  std::vector<std::unique_ptr<iceberg::RowGroups>> files_;
  std::vector<Place> places_;
};
}  // namespace

Result<std::shared_ptr<const FeaturePieces>> OpenPieces(platform::ObjectStore& store,
                                                        const iceberg::TablePtr& table,
                                                        SnapshotId snapshot,
                                                        std::vector<std::string> columns,
                                                        bool unique_keys) {
  iceberg::ScanOptions options;
  options.snapshot = snapshot;
  options.columns = std::move(columns);
  WEIRHOUSE_TRY(const iceberg::Scan scan, iceberg::Scan::Plan(store, table, options));
  WEIRHOUSE_TRY(auto schema, scan.schema().ToArrow());
  auto pieces = std::make_shared<GroupsOfFiles>(std::move(schema), unique_keys);
  for (const iceberg::Scan::Task& task : scan.tasks()) {
    WEIRHOUSE_TRY(auto file, scan.Open(task));
    pieces->Add(std::move(file));
  }
  return std::shared_ptr<const FeaturePieces>(std::move(pieces));
}
}  // namespace weirhouse::feature
