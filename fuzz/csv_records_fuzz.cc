// CSV records: counting agrees with decoding, and every refused record says why.
#include <memory>
#include <string_view>

#include "ground/base/status.h"
#include "rules/contract/contract.h"

namespace {
using namespace weirhouse::contract;

constexpr std::string_view kContract = R"yaml(
{ apiVersion: v3.1.0, kind: DataContract, id: f, version: 1.0.0, status: active, schema: [ { name: f, properties: [
  { name: s, logicalType: string, required: true, logicalTypeOptions: { maxLength: 9 } },
  { name: i, logicalType: integer, logicalTypeOptions: { minimum: -5, multipleOf: 5 } },
  { name: n, logicalType: number }, { name: b, logicalType: boolean }, { name: t, logicalType: timestamp } ] } ] }
)yaml";

const Decoder& TheDecoder() {
  static const Decoder& decoder = *[] {
    auto contract = ParseContract(kContract, "fuzz");
    WEIRHOUSE_CHECK(contract.ok());
    auto made = Decoder::Make(std::make_shared<const Contract>(std::move(contract).value()),
                              {RecordFormat::kCsv, {"NA", ""}});
    WEIRHOUSE_CHECK(made.ok());
    return new Decoder(std::move(made).value());
  }();
  return decoder;
}

void CheckObject(std::string_view bytes, const char* name) {
  const Decoder& decoder = TheDecoder();
  const auto decoded = decoder.Decode(bytes, {"f", name, weirhouse::RecordId(0), {}});
  const auto count = CountRecords(bytes, decoder.format(), name);
  WEIRHOUSE_CHECK(decoded.ok() == count.ok());
  if (!decoded.ok()) return;
  WEIRHOUSE_CHECK(decoded->record_count == *count);
  for (const QuarantinedRecord& record : decoded->quarantined) {
    WEIRHOUSE_CHECK(!record.violations.empty());
    // The fallback for readers that disagree belongs to JSON; here it would be a bug.
    WEIRHOUSE_CHECK(record.violations[0].kind != ViolationKind::kNotJson);
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckObject(bytes, "f.csv");
  CheckObject(bytes, "f.csv.gz");
  return 0;
}
