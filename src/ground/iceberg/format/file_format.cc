#include "ground/iceberg/format/file_format.h"

#include "ground/base/ascii.h"
#include "ground/base/text.h"

namespace weirhouse::iceberg {
namespace {

constexpr FileFormat kFileFormats[] = {FileFormat::kParquet, FileFormat::kAvro, FileFormat::kOrc,
                                       FileFormat::kPuffin};
}  // namespace

FileFormat ParseFileFormat(std::string_view name) {
  const std::string lower = LowerCase(name);
  for (const FileFormat format : kFileFormats) {
    if (lower == LowerCase(NameOf(format))) return format;
  }
  return FileFormat::kOther;
}

std::string_view NameOf(FileFormat format) {
  switch (format) {
    case FileFormat::kParquet:
      return "PARQUET";
    case FileFormat::kAvro:
      return "AVRO";
    case FileFormat::kOrc:
      return "ORC";
    case FileFormat::kPuffin:
      return "PUFFIN";
    case FileFormat::kOther:
      break;
  }
  return "";
}
}  // namespace weirhouse::iceberg
