#include "testing/testing.h"

#include <arrow/api.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "ground/base/time.h"

namespace weirhouse::testing {
namespace {
// ctest gives each process a shard of a program's tests. Programs that a test starts must run what
// they are asked to run, whichever shard that is.
class ForgetsItsPart : public ::testing::Environment {
  void SetUp() override {
    unsetenv("GTEST_TOTAL_SHARDS");
    unsetenv("GTEST_SHARD_INDEX");
  }
};
[[maybe_unused]] ::testing::Environment* const kForgetsItsPart =
    ::testing::AddGlobalTestEnvironment(new ForgetsItsPart);
}  // namespace

namespace {
void Append(arrow::ArrayBuilder* builder, const arrow::DataType& type,
            const nlohmann::json& value) {
  arrow::Status status;
  if (value.is_null()) {
    status = builder->AppendNull();
  } else {
    switch (type.id()) {
      case arrow::Type::BOOL:
        status = static_cast<arrow::BooleanBuilder*>(builder)->Append(value.get<bool>());
        break;
      case arrow::Type::INT32:
        status = static_cast<arrow::Int32Builder*>(builder)->Append(value.get<std::int32_t>());
        break;
      case arrow::Type::INT64:
        status = static_cast<arrow::Int64Builder*>(builder)->Append(value.get<std::int64_t>());
        break;
      case arrow::Type::FLOAT:
        status = static_cast<arrow::FloatBuilder*>(builder)->Append(value.get<float>());
        break;
      case arrow::Type::DOUBLE:
        status = static_cast<arrow::DoubleBuilder*>(builder)->Append(value.get<double>());
        break;
      case arrow::Type::STRING:
        status = static_cast<arrow::StringBuilder*>(builder)->Append(value.get<std::string>());
        break;
      case arrow::Type::BINARY:
        status = static_cast<arrow::BinaryBuilder*>(builder)->Append(value.get<std::string>());
        break;
      case arrow::Type::TIMESTAMP: {
        std::int64_t us = 0;
        if (value.is_string()) {
          us = ParseTimeMicros(value.get<std::string>()).value();
        } else {
          us = value.get<std::int64_t>();
        }
        status = static_cast<arrow::TimestampBuilder*>(builder)->Append(us);
        break;
      }
      case arrow::Type::DATE32:
        status = static_cast<arrow::Date32Builder*>(builder)->Append(value.get<std::int32_t>());
        break;
      default:
        ADD_FAILURE() << "TableOf: type " << type.ToString() << " is not covered";
    }
  }
  ASSERT_TRUE(status.ok()) << status.ToString();
}
}  // namespace

ScratchFolder::ScratchFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "weirhouse-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}
ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void WriteFile(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}
std::string ReadFile(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

std::shared_ptr<arrow::Table> TableOf(const std::shared_ptr<arrow::Schema>& schema,
                                      const std::string& json_rows) {
  const auto rows = nlohmann::json::parse(json_rows);
  std::vector<std::shared_ptr<arrow::ChunkedArray>> columns;
  for (const auto& field : schema->fields()) {
    auto builder = arrow::MakeBuilder(field->type()).ValueOrDie();
    for (const auto& row : rows)
      Append(builder.get(), *field->type(), row.value(field->name(), nlohmann::json()));
    columns.push_back(std::make_shared<arrow::ChunkedArray>(builder->Finish().ValueOrDie()));
  }
  return arrow::Table::Make(schema, columns, static_cast<std::int64_t>(rows.size()));
}

std::string RowsAsJson(const arrow::Table& table) {
  std::string text;
  for (std::int64_t row = 0; row < table.num_rows(); ++row) {
    nlohmann::ordered_json object = nlohmann::ordered_json::object();
    for (int c = 0; c < table.num_columns(); ++c) {
      const auto scalar = table.column(c)->GetScalar(row).ValueOrDie();
      auto& cell = object[table.field(c)->name()];
      if (!scalar->is_valid) {
        cell = nullptr;
      } else if (scalar->type->id() == arrow::Type::TIMESTAMP) {
        cell = FormatTime(static_cast<const arrow::TimestampScalar&>(*scalar).value);
      } else if (scalar->type->id() == arrow::Type::INT64) {
        cell = static_cast<const arrow::Int64Scalar&>(*scalar).value;
      } else if (scalar->type->id() == arrow::Type::DOUBLE) {
        cell = static_cast<const arrow::DoubleScalar&>(*scalar).value;
      } else {
        cell = scalar->ToString();
      }
    }
    text += object.dump() + "\n";
  }
  return text;
}
}  // namespace weirhouse::testing
