#include "rules/contract/decode/long_record.h"

#include <algorithm>
#include <string>

#include "ground/base/running_digest.h"
#include "rules/contract/contract.h"

namespace weirhouse::contract {
namespace {
constexpr auto kHeldBytesMax = static_cast<std::size_t>(kRecordBytesMax);

// The length of `bytes` without the blanks at their end.
std::size_t WithoutBlanks(std::string_view bytes) {
  const std::size_t last = bytes.find_last_not_of(" \t\r\n");
  return last == std::string_view::npos ? 0 : last + 1;
}
}  // namespace

struct RecordScan::Passed {
  std::int64_t offset = 0;
  std::int64_t line = 0;
  std::string beginning;    // kRecordBytesMax of it at most
  std::int64_t length = 0;  // of all that was passed
  std::int64_t kept = 0;    // of that, without what may be trimmed
  RunningDigest all;
  RunningDigest of_kept;
};

RecordScan::RecordScan(Window& window, RecordEnd end) : window_(window), end_(end) {}
RecordScan::~RecordScan() = default;

void RecordScan::Pass(std::string_view bytes) {
  if (bytes.empty()) return;
  Passed& passed = *passed_;
  passed.beginning.append(
      bytes.substr(0, std::min(bytes.size(), kHeldBytesMax - passed.beginning.size())));
  std::size_t kept = bytes.size() - (bytes.back() == '\r' ? 1 : 0);
  if (end_ == RecordEnd::kBlanks) kept = WithoutBlanks(bytes);
  passed.all.Update(bytes.substr(0, kept));
  if (kept > 0 || end_ == RecordEnd::kCarriageReturn) {
    passed.of_kept = passed.all;
    passed.kept = passed.length + static_cast<std::int64_t>(kept);
  }
  passed.all.Update(bytes.substr(kept));
  passed.length += static_cast<std::int64_t>(bytes.size());
}

Status RecordScan::More() {
  if (passed_ == nullptr && at > kHeldBytesMax) {
    passed_ = std::make_unique<Passed>();
    passed_->offset = window_.offset();
    passed_->line = window_.LineAt(window_.offset());
    passed_->beginning.reserve(kHeldBytesMax);
  }
  if (passed_ != nullptr) {
    Pass(window_.view().substr(0, at));
    window_.Consume(at);
    at = 0;
  }
  return window_.More();
}

RecordScan::Record RecordScan::End(std::size_t end, bool trimmed) {
  std::string_view text = window_.view().substr(0, end);
  if (passed_ != nullptr) {
    Pass(text);
    const std::int64_t length = trimmed ? passed_->kept : passed_->length;
    told_ = {trimmed ? passed_->of_kept.Finish() : passed_->all.Finish(), passed_->line};
    text = passed_->beginning;
    return {{passed_->offset, length, &told_},
            text.substr(0, static_cast<std::size_t>(std::min(length, kRecordBytesMax)))};
  }
  if (trimmed && end_ == RecordEnd::kBlanks) {
    text = text.substr(0, WithoutBlanks(text));
  } else if (trimmed && text.ends_with('\r')) {
    text.remove_suffix(1);
  }
  const RecordSpan span{window_.offset(), static_cast<std::int64_t>(text.size())};
  if (span.length <= kRecordBytesMax) return {span, text};
  told_ = {Sha256Of(text), window_.LineAt(span.offset)};
  return {{span.offset, span.length, &told_}, text.substr(0, kHeldBytesMax)};
}

void RecordScan::Next(std::size_t bytes) {
  window_.Consume(bytes);
  passed_.reset();
  at = 0;
}
}  // namespace weirhouse::contract
