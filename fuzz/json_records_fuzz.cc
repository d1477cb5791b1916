// JSON records: the two readers agree on which are valid, and counting agrees with decoding.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ground/base/status.h"
#include "rules/contract/contract.h"
#include "rules/contract/decode/json_record.h"

namespace {
using namespace weirhouse::contract;

constexpr std::string_view kContract = R"yaml(
{ apiVersion: v3.1.0, kind: DataContract, id: f, version: 1.0.0, status: active, schema: [ { name: f, properties: [
  { name: s, logicalType: string, required: true, logicalTypeOptions: { minLength: 1, maxLength: 9, pattern: '^[^x]' } },
  { name: i, logicalType: integer, logicalTypeOptions: { minimum: -5, multipleOf: 5 } },
  { name: n, logicalType: number, logicalTypeOptions: { exclusiveMaximum: 10.5 } },
  { name: m, logicalType: number, physicalType: 'DECIMAL(9,2)', logicalTypeOptions: { minimum: -5.005 } },
  { name: b, logicalType: boolean }, { name: d, logicalType: date }, { name: t, logicalType: timestamp },
  { name: v, logicalType: string, customProperties: [ { property: whDefault, value: p } ],
    quality: [ { metric: invalidValues, mustBe: 0, arguments: { validValues: [p, q] } } ] } ] } ] }
)yaml";

struct Fixture {
  std::shared_ptr<const Contract> contract;
  std::shared_ptr<const RecordProgram> program;
  Fixture() {
    auto parsed = ParseContract(kContract, "fuzz");
    WEIRHOUSE_CHECK(parsed.ok());
    contract = std::make_shared<const Contract>(std::move(parsed).value());
    auto compiled = RecordProgram::Compile(*contract);
    WEIRHOUSE_CHECK(compiled.ok());
    program = std::move(compiled).value();
  }
};

void CheckObject(const Fixture& fixture, std::string_view bytes, RecordFormat format) {
  const SourceFormat source{format, {}};
  const auto decoder = Decoder::Make(fixture.contract, source);
  WEIRHOUSE_CHECK(decoder.ok());
  const auto decoded = decoder->Decode(bytes, {"f", "f", weirhouse::RecordId(0), {}});
  const auto count = CountRecords(bytes, source, "f");
  WEIRHOUSE_CHECK(decoded.ok() == count.ok());
  if (!decoded.ok()) return;
  WEIRHOUSE_CHECK(decoded->record_count == *count);
  for (const QuarantinedRecord& record : decoded->quarantined) {
    WEIRHOUSE_CHECK(!record.violations.empty());
    WEIRHOUSE_CHECK(bytes.substr(static_cast<std::size_t>(record.byte_offset),
                                 static_cast<std::size_t>(record.byte_length)) == record.raw);
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Fixture& fixture = *new Fixture();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  JsonReader reader(*fixture.program);
  std::vector<Slot> slots(fixture.program->fields().size());
  std::string unknown;
  const bool fast = reader.Read(bytes, &slots, &unknown);
  WEIRHOUSE_CHECK(fast == WalkJsonRecord(*fixture.program, bytes, 0).empty());
  CheckObject(fixture, bytes, RecordFormat::kJsonLines);
  CheckObject(fixture, bytes, RecordFormat::kJson);
  return 0;
}
