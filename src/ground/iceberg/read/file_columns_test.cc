#include "ground/iceberg/read/file_columns.h"

#include <fmt/format.h>
#include <zlib.h>

#include "ground/iceberg/format/table_cache.h"
#include "ground/iceberg/table_fixture_test.h"
#include "ground/iceberg/type/type_json.h"

namespace weirhouse::iceberg {
namespace {

using ::testing::HasSubstr;

Field FieldOf(const char* type) {
  Field field;
  field.id = 9;
  field.name = "x";
  field.type = type[0] == '{' ? ParseType(nlohmann::json::parse(type)).value()
                              : ParsePrimitiveType(type).value();
  return field;
}

// Iceberg specification, appendix D (JSON single-value serialization).
TEST(Default, IsReadAsTheSpecificationWritesIt) {
  const auto text = [](const char* type, const char* json) {
    const auto scalar = ParseDefault(json, FieldOf(type));
    return scalar.ok() ? scalar.value()->ToString() : scalar.status().message();
  };
  EXPECT_EQ(text("boolean", "true"), "true");
  EXPECT_EQ(text("int", "34"), "34");
  EXPECT_EQ(text("long", "9007199254740993"), "9007199254740993");
  EXPECT_EQ(text("float", "1.5"), "1.5");
  EXPECT_EQ(text("double", "1"), "1");
  EXPECT_EQ(text("decimal(9,2)", "\"14.20\""), "14.20");
  EXPECT_EQ(text("decimal(9,2)", "\"-3\""), "-3.00");
  EXPECT_EQ(text("date", "\"2017-11-16\""), "2017-11-16");
  EXPECT_EQ(text("date", "\"1969-12-31\""), "1969-12-31");
  EXPECT_EQ(text("time", "\"22:31:08.123456\""), "22:31:08.123456");
  EXPECT_EQ(text("timestamp", "\"2017-11-16T22:31:08.123456\""), "2017-11-16 22:31:08.123456");
  EXPECT_EQ(text("timestamptz", "\"2017-11-16T22:31:08.123456+00:00\""),
            "2017-11-16 22:31:08.123456Z");
  EXPECT_EQ(text("timestamp_ns", "\"2017-11-16T22:31:08.123456789\""),
            "2017-11-16 22:31:08.123456789");
  EXPECT_EQ(text("string", "\"iceberg\""), "iceberg");
  const auto bytes_of = [](const char* type, const char* json) {
    const auto scalar = ParseDefault(json, FieldOf(type)).value();
    return static_cast<const arrow::BaseBinaryScalar&>(*scalar).value->ToHexString();
  };
  EXPECT_EQ(bytes_of("uuid", "\"f79c3e09-677c-4bbd-a479-3f349cb785e7\""),
            "F79C3E09677C4BBDA4793F349CB785E7");
  EXPECT_EQ(bytes_of("fixed[4]", "\"000102ff\""), "000102FF");
  EXPECT_EQ(bytes_of("binary", "\"000102ff\""), "000102FF");
}

TEST(Default, ThatIsNoValueOfItsTypeIsRefusedByName) {
  const std::pair<const char*, const char*> wrong[] = {
      {"boolean", "1"},
      {"int", "3000000000"},
      {"int", "\"3\""},
      {"decimal(9,2)", "\"1.234\""},
      {"decimal(9,2)", "7"},
      {"date", "\"2017-13-16\""},
      {"date", "17"},
      {"time", "\"25:00\""},
      {"timestamp", "\"2017-11-16T22:31:08.1234567\""},
      {"uuid", "\"f79c\""},
      {"fixed[4]", "\"0001\""},
      {"binary", "\"0g\""},
      {"string", "{}"},
      {"string", "not json"},
      {R"({"element":"int","element-id":2,"element-required":false,"type":"list"})", "[]"}};
  for (const auto& [type, json] : wrong) {
    const Status status = ParseDefault(json, FieldOf(type)).status();
    EXPECT_EQ(status.error_code(), "WH7050") << type << " " << json;
    EXPECT_THAT(status.message(), HasSubstr("column \"x\"")) << type;
  }
}

class FileColumnsTest : public TableTest {
 protected:
  // `table` as its metadata.json would be after `change`, not in any cache.
  TablePtr Changed(const TablePtr& table, const std::function<void(nlohmann::json&)>& change) {
    auto json = nlohmann::json::parse(SerializeTableMetadata(*table));
    change(json);
    auto parsed = ParseTableMetadata(json.dump(), table->name, table->metadata_location);
    EXPECT_OK(parsed.status());
    return std::make_shared<const TableMetadata>(std::move(parsed).value());
  }

  static nlohmann::json Column(int id, const char* name, const nlohmann::json& type,
                               const nlohmann::json& initial_default) {
    return {{"id", id},
            {"name", name},
            {"type", type},
            {"required", false},
            {"initial-default", initial_default}};
  }
};

TEST_F(FileColumnsTest, RowsFromBeforeAColumnHaveItsInitialDefault) {
  const TablePtr table = Append(NewFlights(), R"([{"id":1},{"id":2}])").table;
  const TablePtr newer = Changed(table, [](nlohmann::json& json) {
    json["format-version"] = 3;
    json["next-row-id"] = 2;
    auto& fields = json["schemas"][0]["fields"];
    fields.push_back(Column(20, "country", "string", "US"));
    fields.push_back(Column(21, "price", "decimal(9,2)", "0.50"));
    const auto place = nlohmann::json::parse(R"({"type":"struct","fields":[
        {"id":23,"name":"x","type":"int","required":false,"initial-default":7},
        {"id":24,"name":"y","type":"int","required":false}]})");
    fields.push_back(Column(22, "place", place, nlohmann::json::object()));
    fields.push_back(Column(25, "nothing", "unknown", nullptr));
  });
  const auto rows = Read(newer);
  ASSERT_EQ(rows->num_rows(), 2);
  EXPECT_TRUE(rows->ValidateFull().ok());
  const auto at = [&](const char* column, int row) {
    return rows->GetColumnByName(column)->GetScalar(row).ValueOrDie()->ToString();
  };
  EXPECT_EQ(at("country", 1), "US");
  EXPECT_EQ(at("price", 0), "0.50");
  EXPECT_EQ(at("place", 0), "{x:int32 = 7, y:int32 = null}");
  EXPECT_EQ(at("nothing", 0), "null");
  ScanOptions options;
  options.columns = {"id", "country"};
  EXPECT_EQ(Read(newer, options)->num_columns(), 2);
}

TEST_F(FileColumnsTest, AColumnThatCannotBeReadIsRefusedUnlessItIsLeftOut) {
  const TablePtr table = Append(NewFlights(), R"([{"id":1}])").table;
  const TablePtr newer = Changed(table, [](nlohmann::json& json) {
    json["format-version"] = 3;
    json["schemas"][0]["fields"].push_back(Column(20, "anything", "variant", nullptr));
  });
  EXPECT_EQ(Scan::Plan(store(), newer, {}).status().error_code(), "WH7055");
  ScanOptions options;
  options.columns = {"id"};
  EXPECT_EQ(Read(newer, options)->num_rows(), 1);
}

TEST_F(FileColumnsTest, AMalformedNameMappingIsAnErrorThatNamesTheTable) {
  const TablePtr table = Append(NewFlights(), R"([{"id":1}])").table;
  const TablePtr changed = Changed(table, [](nlohmann::json& json) {
    json["properties"]["schema.name-mapping.default"] = "[{\"field-id\":1}]";
  });
  const Scan scan = Scan::Plan(store(), changed, {}).value();
  const Status status = scan.ReadAll().status();
  EXPECT_EQ(status.error_code(), "WH7050");
  EXPECT_THAT(status.message(), HasSubstr("processed.flight"));
}

// Delete files from after a promotion apply to data files from before it, and the other way round.
TEST_F(FileColumnsTest, DeletesFollowTheirPartitionThroughAPromotion) {
  const auto schema = arrow::schema({arrow::field("id", arrow::int64(), /*nullable=*/false),
                                     arrow::field("part", arrow::int32())});
  const TablePtr empty = NewFlights({"part"}, schema);
  StagedWrite write(store(), empty, random_, Options());
  ASSERT_OK(write.Append(*TableOf(schema, R"([{"id":1,"part":7},{"id":2,"part":7}])")));
  ASSERT_OK_AND(const StagedTable first, write.Finish());
  StagedWrite deletes(store(), first.table, random_, Options("r2"));
  ASSERT_OK(deletes.DeleteRows(Find(first.table, {1})));
  ASSERT_OK_AND(const StagedTable second, deletes.Finish());
  const TablePtr promoted = Changed(
      second.table, [](nlohmann::json& json) { json["schemas"][0]["fields"][1]["type"] = "long"; });
  // The data manifest is read with the old type, the manifest of deletes with the new one.
  ASSERT_OK_AND(const auto list,
                LoadManifestList(store(), promoted->current_snapshot()->manifest_list));
  for (const ManifestFile& file : *list) {
    const bool data = file.content == ManifestFile::Content::kData;
    ASSERT_OK(LoadManifest(store(), data ? *second.table : *promoted, file).status());
  }
  EXPECT_EQ(Ids(promoted), "2");
}

TEST_F(FileColumnsTest, GzippedMetadataIsRead) {
  const TablePtr table = Append(NewFlights(), R"([{"id":1}])").table;
  const std::string json = SerializeTableMetadata(*table);
  std::string packed(json.size() + 100, '\0');
  z_stream stream{};
  ASSERT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(json.data()));
  stream.avail_in = static_cast<uInt>(json.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  ASSERT_OK_AND(const TableMetadata read, ParseTableMetadata(packed, table->name, "x"));
  EXPECT_EQ(SerializeTableMetadata(read), json);
  EXPECT_EQ(ParseTableMetadata(packed.substr(0, packed.size() / 2), "t", "/t/x").status().code(),
            Code::kCorruption);
}

TEST_F(FileColumnsTest, StatisticsOfExpiredSnapshotsGoWithThem) {
  StagedTable staged = Append(NewFlights({}), R"([{"id":0}])");
  const auto first = staged.table->current_snapshot()->id.value();
  staged.table = Changed(staged.table, [&](nlohmann::json& json) {
    json["statistics"] = {{{"snapshot-id", first}, {"statistics-path", "/a"}},
                          {{"snapshot-id", 7}, {"statistics-path", "/b"}}};
  });
  for (int i = 1; i < kSnapshotsKept; ++i) {
    staged = Append(staged.table, fmt::format(R"([{{"id":{}}}])", i), fmt::format("r{}", i));
  }
  EXPECT_THAT(staged.table->other_keys.at("statistics"), HasSubstr("\"/a\""));
  staged = Append(staged.table, R"([{"id":999}])", "last");
  EXPECT_EQ(staged.table->other_keys.at("statistics"), "[]");
}
}  // namespace
}  // namespace weirhouse::iceberg
