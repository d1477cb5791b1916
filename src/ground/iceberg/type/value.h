// Single values as Iceberg stores them in bounds and partitions (Apache Iceberg table spec,
// appendix D), and the partition transforms over them ("Partition Transforms", hash in appendix B).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ground/base/status.h"
#include "ground/iceberg/type/schema.h"

namespace weirhouse::iceberg {

// decimal(p,s); both 0 if `type` is not a decimal.
struct DecimalShape {
  int precision = 0;
  int scale = 0;
};
DecimalShape ShapeOf(const Type& type);
bool IsTimestamp(const Type& type);  // with or without zone, of micro- or nanoseconds
bool IsNanos(const Type& type);
// The L of fixed[L], else 0.
int FixedLength(const Type& type);
// The fewest bytes that hold an unscaled value of `precision` digits.
int DecimalBytes(int precision);

// Little-endian, 4 or 8 bytes.
std::string EncodeInt(std::int32_t value);
std::string EncodeLong(std::int64_t value);
// Decodes 4 or 8 bytes (4 if the value was written before a promotion to long); absent for other
// lengths.
std::optional<std::int64_t> DecodeLong(std::string_view bytes);
std::optional<double> DecodeDouble(std::string_view bytes);
__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 UInt128;
// Two's complement big-endian in the fewest bytes, as in bounds of decimals, and back.
std::string EncodeUnscaled(Int128 value);
Int128 DecodeUnscaled(std::string_view bytes);

// A value of `type` extended to the length of `type`; values written before a promotion to long or
// double are shorter.
std::string Widen(const Type& type, std::string bytes);

// Orders two single values of `type`: -1, 0, 1. Absent if the bytes are not of that type.
std::optional<int> CompareValues(const Type& type, std::string_view a, std::string_view b);

// The result type of `transform` on a column of `source`; kInvalidInput (WH7060) for an unknown
// transform.
Result<Type> ResultType(std::string_view transform, const Type& source);
// True for the transforms we compute ourselves: identity, bucket[N], truncate[W], year, month, day,
// hour, void.
bool CanApply(std::string_view transform);
// Whether a column of `source` may be partitioned by it.
bool CanApply(std::string_view transform, const Type& source);
// Applies one of these transforms to a single value; null gives null, and so does a value for which
// the transform is undefined.
std::optional<std::string> ApplyTransform(std::string_view transform, const Type& source,
                                          const std::optional<std::string>& value);
// As ApplyTransform, on days (date), microseconds or nanoseconds since 1970, for year, month, day
// and hour.
std::int64_t TransformOrdinal(std::string_view transform, const Type& source, std::int64_t value);
// The N of bucket[N], else 0; the W of truncate[W], else 0.
int BucketCount(std::string_view transform);
int TruncateWidth(std::string_view transform);
// The hash of which bucket[N] takes the remainder: Murmur3 with 32 bits and seed 0 over the value's
// hash input (appendix B). Absent for types that cannot be hashed.
std::optional<std::int32_t> BucketHash(const Type& source, std::string_view value);
// A partition value as text in a path: "2013-01", "2013-01-05", "EWR" (URL-encoded), "null".
std::string PartitionText(std::string_view transform, const Type& source,
                          const std::optional<std::string>& value);
}  // namespace weirhouse::iceberg
