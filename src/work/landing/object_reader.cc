#include "work/landing/object_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "ground/base/text.h"

namespace weirhouse::landing {
namespace {
constexpr std::int64_t kHashedBytes = 1 << 20;
constexpr Reason kMissingError{"WH7012"};
constexpr Reason kDamagedError{"WH1305"};

std::string NameOf(const catalog::ObjectRecord& object) {
  return fmt::format("{}/{}", object.source, EscapeControl(object.name));
}

std::string HowToRestore(const catalog::ObjectRecord& object) {
  return fmt::format(
      "land the same file again as {}, with the sha256 {}, and run `wh ingest`: that restores the "
      "object and continues; or restore the object from a backup",
      NameOf(object), object.digest.ToHex());
}

Status Damaged(const catalog::ObjectRecord& object, std::string_view how) {
  return Status(Code::kCorruption,
                fmt::format("the raw object of {} {}: {}", NameOf(object), how, object.path))
      .WithError(kDamagedError)
      .WithHint(HowToRestore(object));
}

// The store's error, in terms of the object.
Status DescribeFailure(const catalog::ObjectRecord& object, Status status) {
  if (status.code() == Code::kNotFound) {
    return Status(Code::kCorruption,
                  fmt::format("the raw object of {} is missing: {}", NameOf(object), object.path))
        .WithError(kMissingError)
        .WithHint(HowToRestore(object));
  }
  if (status.code() == Code::kCorruption) return Damaged(object, "is shorter than what arrived");
  return std::move(status).WithContext("the raw object of " + NameOf(object));
}
}  // namespace

Result<std::size_t> ObjectReader::Read(char* into, std::size_t room) {
  WEIRHOUSE_TRY_STATUS(failed_);
  const std::int64_t wanted =
      std::min(static_cast<std::int64_t>(std::min(room, std::size_t{kHashedBytes})),
               object_.size_bytes - offset_);
  if (wanted <= 0) return std::size_t{0};
  Result<std::string> piece = store_.ReadRange(object_.path, offset_, wanted);
  if (!piece.ok()) {
    failed_ = DescribeFailure(object_, piece.status());
    return failed_;
  }
  sha_.Update(*piece);
  offset_ += wanted;
  return piece->copy(into, piece->size());
}

Status ObjectReader::ReadAt(std::int64_t offset, char* into, std::size_t count) {
  WEIRHOUSE_TRY_STATUS(failed_);
  const auto wanted = static_cast<std::int64_t>(count);
  WEIRHOUSE_CHECK(offset >= 0 && wanted >= 0 && offset <= object_.size_bytes - wanted);
  if (count == 0) return Status();
  Result<std::string> piece = store_.ReadRange(object_.path, offset, wanted);
  if (!piece.ok()) {
    failed_ = DescribeFailure(object_, piece.status());
    return failed_;
  }
  piece->copy(into, count);
  return Status();
}

Status ObjectReader::Finish() {
  std::string piece(kHashedBytes, '\0');
  std::size_t got = 1;
  while (got > 0) {
    WEIRHOUSE_TRY(got, Read(piece.data(), piece.size()));
  }
  const auto found = store_.Stat(object_.path);
  if (!found.ok()) return DescribeFailure(object_, found.status());
  if (found->size_bytes != object_.size_bytes)
    return Damaged(object_, "is longer than what arrived");
  if (sha_.Finish() != object_.digest) return Damaged(object_, "holds other bytes than arrived");
  return Status();
}

Result<std::string> ReadObject(platform::ObjectStore& store, const catalog::ObjectRecord& object) {
  Result<std::string> bytes = store.Read(object.path);
  if (!bytes.ok()) return DescribeFailure(object, bytes.status());
  const auto size_bytes = static_cast<std::int64_t>(bytes->size());
  if (size_bytes < object.size_bytes) return Damaged(object, "is shorter than what arrived");
  if (size_bytes > object.size_bytes) return Damaged(object, "is longer than what arrived");
  if (Sha256Of(*bytes) != object.digest) return Damaged(object, "holds other bytes than arrived");
  return bytes;
}

bool WantsItsFile(const Status& status) {
  return status.Is(kMissingError) || status.Is(kDamagedError);
}
}  // namespace weirhouse::landing
