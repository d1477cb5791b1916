#include "rules/feature/kernel/feature_rows.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "ground/base/exact/exact_sum.h"
#include "ground/base/exact/limbs.h"
#include "rules/feature/value/arrow_columns.h"
#include "rules/feature/value/decimal_sum.h"

namespace weirhouse::feature {
namespace {
constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

void AppendBigEndian(std::uint64_t bits, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>((bits >> shift) & 0xff));
  }
}

// Each part is prefix-free, so that tuples stay distinct: 8 bytes, or a string with 0x00 written as
// 00 ff and ended by 00 00.
void AppendPart(ValueType type, std::uint64_t bits, std::string_view text, std::string* out) {
  if (type == ValueType::kString) {
    for (const char c : text) {
      out->push_back(c);
      if (c == '\0') out->push_back('\xff');
    }
    out->append(2, '\0');
    return;
  }
  if (type == ValueType::kDouble) {
    if (bits == kSignBit) bits = 0;  // -0.0 and +0.0 are equal keys
    AppendBigEndian((bits & kSignBit) != 0 ? ~bits : bits ^ kSignBit, out);
    return;
  }
  AppendBigEndian(bits ^ kSignBit, out);
}

// Whether a double distinguishes this integer from its neighbours.
bool IsExactDouble(std::int64_t value) {
  const auto number = static_cast<double>(value);
  return number < 0x1p63 && static_cast<std::int64_t>(number) == value;
}

// Keys of another type become numbers only if that merges none.
Status CheckExactKeys(const TypedName& part, const arrow::ChunkedArray& column) {
  if (part.type != ValueType::kDouble) return Status();
  if (column.type()->id() == arrow::Type::DECIMAL128) {
    return Status(Code::kInvalidInput,
                  fmt::format("entity \"{}\" is a number, but the column is {}", part.name,
                              column.type()->ToString()))
        .WithError("WH4015")
        .WithHint("a number would merge decimals: cast it to double, or to text");
  }
  if (column.type()->id() != arrow::Type::INT64) return Status();
  WEIRHOUSE_TRY(const IntColumn keys, ReadIntegers(column, part.name));
  for (std::size_t i = 0; i < keys.values.size(); ++i) {
    if (keys.valid[i] == 0 || IsExactDouble(keys.values[i])) continue;
    return Status(Code::kInvalidInput,
                  fmt::format("entity \"{}\" is a number, which cannot tell {} from its neighbours",
                              part.name, keys.values[i]))
        .WithError("WH4015")
        .WithHint("cast it to double where that is meant, or make the entity an integer");
  }
  return Status();
}

// What sorting needs of one row; 32 bytes, so that it stays in cache.
struct SortEntry {
  std::size_t group;
  std::int64_t event_time;
  std::int64_t known_time;
  std::size_t row;
};

struct ReadRows {
  std::vector<std::optional<std::string>> entities;
  IntColumn event_time;
  IntColumn known_time;
  IntColumn op;
  std::vector<std::string_view> row_key;
  std::vector<std::string_view> digest;
  std::vector<RawColumn> values;
};

Result<ReadRows> ReadFeatureTable(const ViewPlan& plan, const arrow::Table& table) {
  const std::string what = fmt::format("the feature table of \"{}\"", plan.view.id());
  ReadRows out;
  WEIRHOUSE_TRY(out.entities, EncodeEntities(plan.view.entity, table));
  WEIRHOUSE_TRY(const auto event_time, RequireColumn(table, "event_time", what));
  WEIRHOUSE_TRY(out.event_time, ReadIntegers(*event_time, "event_time"));
  WEIRHOUSE_TRY(const auto known_time, RequireColumn(table, "known_time", what));
  WEIRHOUSE_TRY(out.known_time, ReadIntegers(*known_time, "known_time"));
  WEIRHOUSE_TRY(const auto op, RequireColumn(table, "op", what));
  WEIRHOUSE_TRY(out.op, ReadIntegers(*op, "op"));
  WEIRHOUSE_TRY(const auto row_key, RequireColumn(table, "row_key", what));
  WEIRHOUSE_TRY(out.row_key, ReadBytes(*row_key, "row_key"));
  WEIRHOUSE_TRY(const auto digest, RequireColumn(table, "row_digest", what));
  WEIRHOUSE_TRY(out.digest, ReadBytes(*digest, "row_digest"));
  for (std::size_t i = 0; i < plan.expressions.size(); ++i) {
    const std::string& name = plan.expressions[i].column;
    WEIRHOUSE_TRY(const auto column, RequireColumn(table, name, what));
    WEIRHOUSE_TRY(RawColumn values, ReadColumn(*column, plan.value_types[i], name));
    out.values.push_back(std::move(values));
  }
  for (std::size_t i = 0; i < out.digest.size(); ++i) {
    if (out.digest[i].size() == sizeof(Digest::bytes) && out.known_time.valid[i] != 0) continue;
    return Status(Code::kCorruption, fmt::format("{} has a row without digest or known time", what))
        .WithError("WH4015")
        .WithHint("rebuild the view");
  }
  return out;
}

Digest DigestOfBytes(std::string_view bytes) {
  Digest digest;
  std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
  return digest;
}

// The collapse: within each table key the next version in (known time, digest) hides a version from
// its known time on. Few keys have several versions, so only those are chained.
std::vector<std::int64_t> HiddenTimes(const ReadRows& rows) {
  const std::size_t count = rows.row_key.size();
  std::vector<std::int64_t> hidden(count, kNever);
  std::unordered_map<std::string_view, std::size_t> newest;
  newest.reserve(count);
  std::vector<std::size_t> previous(count, count);
  std::vector<std::size_t> heads;
  for (std::size_t i = 0; i < count; ++i) {
    const auto [place, fresh] = newest.try_emplace(rows.row_key[i], i);
    if (fresh) continue;
    if (previous[place->second] == count) heads.push_back(i);
    previous[i] = place->second;
    place->second = i;
  }
  std::vector<std::size_t> versions;
  for (const std::size_t head : heads) {
    const std::size_t last = newest.find(rows.row_key[head])->second;
    versions.clear();
    for (std::size_t i = last; i != count; i = previous[i]) versions.push_back(i);
    std::sort(versions.begin(), versions.end(), [&](std::size_t a, std::size_t b) {
      if (rows.known_time.values[a] != rows.known_time.values[b]) {
        return rows.known_time.values[a] < rows.known_time.values[b];
      }
      if (rows.digest[a] != rows.digest[b]) return rows.digest[a] < rows.digest[b];
      return rows.event_time.values[a] < rows.event_time.values[b];
    });
    for (std::size_t v = 0; v + 1 < versions.size(); ++v) {
      hidden[versions[v]] = rows.known_time.values[versions[v + 1]];
    }
  }
  return hidden;
}

void Gather(const ReadRows& rows, const std::vector<std::int64_t>& hidden,
            const std::vector<SortEntry>& order, FeatureRows* out) {
  const std::size_t count = order.size();
  out->event_time.reserve(count);
  out->known_time.reserve(count);
  out->hidden_at.reserve(count);
  out->deleted.reserve(count);
  out->digest.reserve(count);
  for (const SortEntry& entry : order) {
    out->event_time.push_back(entry.event_time);
    out->known_time.push_back(entry.known_time);
    out->hidden_at.push_back(hidden[entry.row]);
    out->deleted.push_back(rows.op.values[entry.row] != 0 ? 1 : 0);
    out->row_key.Append(rows.row_key[entry.row]);
    out->digest.push_back(DigestOfBytes(rows.digest[entry.row]));
  }
  for (std::size_t c = 0; c < rows.values.size(); ++c) {
    const RawColumn& from = rows.values[c];
    ValueColumn& to = out->values[c];
    to.valid.reserve(count);
    to.bits.reserve(count);
    for (const SortEntry& entry : order) {
      if (from.valid[entry.row] == 0) {
        to.AppendNull();
      } else if (to.is_text()) {
        to.AppendText(from.texts[entry.row]);
      } else {
        to.AppendBits(from.bits[entry.row]);
      }
    }
  }
}

void TakeTimes(ReadRows* rows) {
  for (std::size_t i = 0; i < rows->event_time.values.size(); ++i) {
    if (rows->event_time.valid[i] == 0) rows->event_time.values[i] = kTimeless;
    rows->known_time.values[i] = std::min(rows->known_time.values[i], kLatest);
  }
}

}  // namespace

std::vector<ValueColumn> EmptyValues(const ViewPlan& plan) {
  std::vector<ValueColumn> values(plan.value_types.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i].type = plan.value_types[i];
    values[i].scale = plan.scales[i];
  }
  return values;
}

void ValueColumn::AppendNull() {
  bits.push_back(0);
  valid.push_back(0);
  if (is_text()) texts.Append({});
}

void ValueColumn::AppendBits(std::uint64_t value_bits) {
  bits.push_back(value_bits);
  valid.push_back(1);
}

void ValueColumn::AppendText(std::string_view text) {
  bits.push_back(0);
  valid.push_back(1);
  texts.Append(text);
}

void FeatureRows::Clear() {
  event_time.clear();
  known_time.clear();
  hidden_at.clear();
  deleted.clear();
  row_key.Clear();
  digest.clear();
  for (ValueColumn& column : values) {
    column.bits.clear();
    column.valid.clear();
    column.texts.Clear();
  }
}

Result<std::optional<std::string>> EncodeEntity(std::span<const TypedName> entity,
                                                std::span<const Value> values) {
  if (entity.size() != values.size()) {
    return Status(Code::kInvalidInput, fmt::format("an entity of {} parts was given {} values",
                                                   entity.size(), values.size()))
        .WithError("WH4013");
  }
  std::string key;
  for (std::size_t i = 0; i < entity.size(); ++i) {
    const Value& value = values[i];
    if (IsNull(value)) return std::optional<std::string>();
    const ValueType type = entity[i].type;
    if (const auto* text = std::get_if<std::string>(&value); text && type == ValueType::kString) {
      AppendPart(type, 0, *text, &key);
    } else if (const auto* n = std::get_if<std::int64_t>(&value); n && type == ValueType::kInt64) {
      AppendPart(type, static_cast<std::uint64_t>(*n), {}, &key);
    } else if (n != nullptr && type == ValueType::kDouble && IsExactDouble(*n)) {
      AppendPart(type, std::bit_cast<std::uint64_t>(static_cast<double>(*n)), {}, &key);
    } else if (const auto* x = std::get_if<double>(&value); x && type == ValueType::kDouble) {
      const double number = *x != *x ? CanonicalNan() : *x;
      AppendPart(type, std::bit_cast<std::uint64_t>(number), {}, &key);
    } else if (const auto* flag = std::get_if<bool>(&value); flag && type == ValueType::kBool) {
      AppendPart(type, *flag ? 1 : 0, {}, &key);
    } else if (const auto* t = std::get_if<Timestamp>(&value);
               t != nullptr && type == ValueType::kTimestamp) {
      AppendPart(type, static_cast<std::uint64_t>(t->us), {}, &key);
    } else {
      return Status(Code::kInvalidInput, fmt::format("entity \"{}\" is a {}, not \"{}\"",
                                                     entity[i].name, TypeName(type), ToText(value)))
          .WithError("WH4013");
    }
  }
  return std::optional<std::string>(std::move(key));
}

Result<std::vector<std::optional<std::string>>> EncodeEntities(std::span<const TypedName> entity,
                                                               const arrow::Table& rows) {
  std::vector<std::optional<std::string>> keys(static_cast<std::size_t>(rows.num_rows()),
                                               std::string());
  for (const TypedName& part : entity) {
    WEIRHOUSE_TRY(const auto column, RequireColumn(rows, part.name, "the rows"));
    WEIRHOUSE_TRY(const RawColumn raw,
                  ReadColumn(*column, part.type, fmt::format("entity \"{}\"", part.name)));
    WEIRHOUSE_TRY_STATUS(CheckExactKeys(part, *column));
    const bool is_text = part.type == ValueType::kString;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (!keys[i]) continue;
      if (raw.valid[i] == 0) {
        keys[i].reset();
      } else {
        AppendPart(part.type, is_text ? 0 : raw.bits[i], is_text ? raw.texts[i] : "", &*keys[i]);
      }
    }
  }
  return keys;
}

Result<UnsortedRows> ReadUnsorted(const ViewPlan& plan, const arrow::Table& rows) {
  WEIRHOUSE_TRY(ReadRows read, ReadFeatureTable(plan, rows));
  TakeTimes(&read);
  UnsortedRows out;
  std::vector<SortEntry> order;
  for (std::size_t i = 0; i < read.entities.size(); ++i) {
    order.push_back({0, read.event_time.values[i], read.known_time.values[i], i});
  }
  out.rows.values = EmptyValues(plan);
  Gather(read, HiddenTimes(read), order, &out.rows);
  out.entities = std::move(read.entities);
  return out;
}

Result<LoadedView> LoadedView::Load(const ViewPlan& plan, const arrow::Table& rows) {
  WEIRHOUSE_TRY(ReadRows read, ReadFeatureTable(plan, rows));
  TakeTimes(&read);
  const std::size_t count = read.entities.size();
  const std::vector<std::int64_t> hidden = HiddenTimes(read);

  LoadedView view;
  std::vector<SortEntry> order;
  order.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (!read.entities[i]) continue;
    const auto place = view.groups_.try_emplace(*read.entities[i], view.groups_.size()).first;
    order.push_back({place->second, read.event_time.values[i], read.known_time.values[i], i});
  }
  std::sort(order.begin(), order.end(), [&](const SortEntry& a, const SortEntry& b) {
    if (a.group != b.group) return a.group < b.group;
    if (a.event_time != b.event_time) return a.event_time < b.event_time;
    if (a.known_time != b.known_time) return a.known_time < b.known_time;
    if (read.row_key[a.row] != read.row_key[b.row])
      return read.row_key[a.row] < read.row_key[b.row];
    return read.digest[a.row] < read.digest[b.row];
  });
  view.starts_.push_back(0);
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (order[i].group != order[i - 1].group) view.starts_.push_back(i);
  }
  if (!order.empty()) view.starts_.push_back(order.size());

  auto out = std::make_shared<FeatureRows>();
  out->values = EmptyValues(plan);
  Gather(read, hidden, order, out.get());
  view.rows_ = std::move(out);
  return view;
}

std::optional<std::size_t> LoadedView::GroupOf(std::string_view entity) const {
  const auto found = groups_.find(std::string(entity));
  if (found == groups_.end()) return std::nullopt;
  return found->second;
}

EntityRowsView LoadedView::Group(std::size_t group) const {
  return {rows_.get(), starts_[group], starts_[group + 1]};
}

EntityRowsView LoadedView::Of(std::string_view entity) const {
  const std::optional<std::size_t> group = GroupOf(entity);
  if (!group) return {rows_.get(), 0, 0};
  return Group(*group);
}
}  // namespace weirhouse::feature
