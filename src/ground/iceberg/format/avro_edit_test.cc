#include "ground/iceberg/format/avro_edit.h"

#include "testing/testing.h"

namespace weirhouse::iceberg {
namespace {

// Every kind of value that a writer may use.
constexpr char kAllKinds[] = R"({"type":"record","name":"r","fields":[
    {"name":"path","type":"string","field-id":100},
    {"name":"size","type":"long","field-id":104},
    {"name":"flag","type":"boolean","field-id":1},
    {"name":"f","type":"float","field-id":2},
    {"name":"d","type":"double","field-id":3},
    {"name":"x","type":{"type":"fixed","name":"x4","size":4},"field-id":4},
    {"name":"e","type":{"type":"enum","name":"en","symbols":["A","B"]},"field-id":5},
    {"name":"m","type":{"type":"map","values":"long"},"field-id":6},
    {"name":"a","type":["null",{"type":"array","items":"long"}],"field-id":7},
    {"name":"bounds","type":["null",{"type":"array","logicalType":"map","items":
      {"type":"record","name":"kv","fields":[{"name":"key","type":"int","field-id":126},
      {"name":"value","type":"bytes","field-id":127}]}}],"field-id":125},
    {"name":"n","type":["null","string"],"field-id":8}]})";

std::string AllKindsFile(const std::string& path, std::int64_t size, const std::string& bound) {
  AvroWriter out(kAllKinds, {{"content", "deletes"}, {"z", "of another writer"}});
  for (int record = 0; record < 2; ++record) {
    out.PutBytes(path);
    out.PutInt(size);
    out.PutBoolean(record == 1);
    out.PutRaw("\x01\x02\x03\x04");
    out.PutRaw("12345678");
    out.PutRaw("abcd");
    out.PutInt(1);
    out.PutInt(2);  // a map of two
    out.PutBytes("k1");
    out.PutInt(-1);
    out.PutBytes("k2");
    out.PutInt(1'000'000'000'000);
    out.PutInt(0);
    out.PutBranch(1);
    out.PutInt(0);  // an empty array
    out.PutBranch(1);
    out.PutInt(2);
    out.PutInt(7);
    out.PutBytes("other");
    out.PutInt(9);
    out.PutBytes(bound);
    out.PutInt(0);
    out.PutBranch(record);
    if (record == 1) out.PutBytes("");
    out.EndRecord();
  }
  return out.Finish();
}

AvroEdit Unchanged() {
  AvroEdit edit;
  edit.begin = [](const AvroValue&) { return Status(); };
  edit.text = [](int, std::int64_t, std::string_view value) { return std::string(value); };
  edit.number = [](int, std::int64_t value) { return value; };
  return edit;
}

TEST(AvroEdit, WithoutAChangeGivesTheSameBytes) {
  const std::string file = AllKindsFile("/a", 5, "b");
  EXPECT_EQ(EditAvro(file, Unchanged()).value(), file);
}

TEST(AvroEdit, ChangesValuesByTheirIdsAndTheKeysOfMaps) {
  AvroEdit edit = Unchanged();
  edit.text = [](int id, std::int64_t key, std::string_view value) {
    if (id == 100) return std::string("/a/longer/path");
    return id == 127 && key == 9 ? std::string("changed") : std::string(value);
  };
  edit.number = [](int id, std::int64_t value) { return id == 104 ? value * 1000 : value; };
  EXPECT_EQ(EditAvro(AllKindsFile("/a", 5, "b"), edit).value(),
            AllKindsFile("/a/longer/path", 5000, "changed"));
}

TEST(AvroEdit, EndsWithTheFirstErrorAndRefusesWhatIsNoAvro) {
  AvroEdit edit = Unchanged();
  int records = 0;
  edit.begin = [&](const AvroValue& record) {
    EXPECT_EQ(record.Find(100)->bytes, "/a");
    return ++records == 2 ? Status(Code::kNotFound, "no such file") : Status();
  };
  EXPECT_EQ(EditAvro(AllKindsFile("/a", 5, "b"), edit).status().code(), Code::kNotFound);
  EXPECT_EQ(EditAvro("no avro", Unchanged()).status().error_code(), "WH7052");
  const std::string file = AllKindsFile("/a", 5, "b");
  for (std::size_t cut = 1; cut < file.size(); cut += 7) {
    const auto edited = EditAvro(std::string_view(file).substr(0, cut), Unchanged());
    EXPECT_TRUE(!edited.ok() || *edited != file) << cut;
  }
}
}  // namespace
}  // namespace weirhouse::iceberg
