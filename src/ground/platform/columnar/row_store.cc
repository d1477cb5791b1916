#include "ground/platform/columnar/row_store.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <arrow/util/byte_size.h>
#include <arrow/util/io_util.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <utility>

#include "ground/base/failpoint.h"
#include "ground/platform/io/disk_error.h"
#include "ground/platform/io/local_store.h"

namespace weirhouse::platform {
namespace {
constexpr int kAlignmentBytes = 64;  // the alignment of Arrow's own buffers
constexpr int kNamesMax = 1000;      // names left by a killed process with the same id

Status StatusOfRows(const arrow::Status& status, std::string_view what) {
  const int reason = arrow::internal::ErrnoFromStatus(status);
  if (reason != 0) return ErrnoToStatus(reason, what, "rows of a batch");
  const Code code = status.IsOutOfMemory() ? Code::kUnavailable : Code::kInternal;
  return Status(code, fmt::format("could not {} rows of a batch: {}", what, status.message()))
      .WithError("WH7038");
}

// All mappings of this process.
class Mappings {
 public:
  static Mappings& Of() {
    // never destroyed: rows may live until the process ends
    static auto* const mappings = new Mappings();
    return *mappings;
  }
  void Add(void* begin, std::size_t size) {
    const std::lock_guard lock(mutex_);
    sizes_[begin] = size;
  }
  void Remove(void* begin) {
    const std::lock_guard lock(mutex_);
    sizes_.erase(begin);
  }
  void LetGo() {
    const std::lock_guard lock(mutex_);
    for (const auto& [begin, size] : sizes_) madvise(begin, size, MADV_DONTNEED);
  }

 private:
  std::mutex mutex_;
  std::map<void*, std::size_t> sizes_;
};

class MappedBuffer final : public arrow::Buffer {
 public:
  MappedBuffer(void* begin, std::size_t size)
      : Buffer(static_cast<const std::uint8_t*>(begin), static_cast<std::int64_t>(size)),
        begin_(begin),
        bytes_(size) {
    Mappings::Of().Add(begin, size);
  }
  ~MappedBuffer() override {
    Mappings::Of().Remove(begin_);
    munmap(begin_, bytes_);
  }

 private:
  void* begin_;
  std::size_t bytes_;
};

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// Creates a file without a name in `folder`. On a file system that does not support this, the name
// is removed at once.
Result<std::unique_ptr<Descriptor>> OpenNameless(const std::string& folder) {
  WEIRHOUSE_TRY_STATUS(LocalStore().MakeFolder(folder));
  int fd = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  static std::atomic<int> number{0};
  for (int i = 0; fd < 0 && i < kNamesMax; ++i) {
    const std::string path = fmt::format("{}/rows-{}-{}", folder, getpid(), ++number);
    fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST) break;
    if (fd >= 0) unlink(path.c_str());
  }
  if (fd < 0) return ErrnoToStatus(errno, "make a file for rows", folder);
  return std::make_unique<Descriptor>(fd);
}
}  // namespace

void LetGoOfStoredRows() { Mappings::Of().LetGo(); }

std::vector<RowRange> PiecesOf(const arrow::Table& rows, const Scratch& scratch) {
  const std::int64_t count = rows.num_rows();
  std::int64_t most = std::max<std::int64_t>(scratch.piece_rows, 1);
  if (count > 1 && scratch.piece_bytes != Scratch().piece_bytes) {
    const std::int64_t bytes = arrow::util::TotalBufferSize(rows);
    if (bytes > scratch.piece_bytes) {
      const std::int64_t each = bytes / count + 1;
      most = std::min(most, std::max<std::int64_t>(scratch.piece_bytes / each, 1));
    }
  }
  std::vector<RowRange> pieces;
  for (std::int64_t begin = 0; begin < count || pieces.empty(); begin += most)
    pieces.push_back({begin, std::min(most, count - begin)});
  return pieces;
}

bool AreMany(const arrow::Table& rows, const Scratch& scratch) {
  return PiecesOf(rows, scratch).size() > 1;
}

// ---- RowFile

struct RowFile::State {
  std::unique_ptr<Descriptor> fd;
  std::shared_ptr<arrow::Schema> schema;
  std::shared_ptr<arrow::io::FileOutputStream> sink;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> writer;
  std::size_t count = 0;

  arrow::Status Start(const std::shared_ptr<arrow::Schema>& of) {
    schema = of;
    const int copy = fcntl(fd->get(), F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return arrow::internal::StatusFromErrno(errno, arrow::StatusCode::IOError, "dup");
    ARROW_ASSIGN_OR_RAISE(sink, arrow::io::FileOutputStream::Open(copy));
    arrow::ipc::IpcWriteOptions options = arrow::ipc::IpcWriteOptions::Defaults();
    options.alignment = kAlignmentBytes;
    ARROW_ASSIGN_OR_RAISE(writer, arrow::ipc::MakeFileWriter(sink, schema, options));
    return arrow::Status::OK();
  }

  arrow::Status Append(const arrow::Table& rows) {
    if (writer == nullptr) ARROW_RETURN_NOT_OK(Start(rows.schema()));
    ARROW_ASSIGN_OR_RAISE(const auto batch, rows.CombineChunksToBatch());
    ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
    ++count;
    return arrow::Status::OK();
  }

  arrow::Result<std::shared_ptr<arrow::Table>> Read(const std::vector<std::size_t>& left_out) {
    ARROW_RETURN_NOT_OK(writer->Close());
    ARROW_RETURN_NOT_OK(sink->Close());
    struct stat found{};
    if (fstat(fd->get(), &found) != 0)
      return arrow::internal::StatusFromErrno(errno, arrow::StatusCode::IOError, "stat");
    const auto size = static_cast<std::size_t>(found.st_size);
    void* const begin = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd->get(), 0);
    if (begin == MAP_FAILED)
      return arrow::internal::StatusFromErrno(errno, arrow::StatusCode::IOError, "mmap");
    const auto mapped = std::make_shared<MappedBuffer>(begin, size);
    ARROW_ASSIGN_OR_RAISE(
        const auto reader,
        arrow::ipc::RecordBatchFileReader::Open(std::make_shared<arrow::io::BufferReader>(mapped)));
    arrow::RecordBatchVector batches;
    for (std::size_t i = 0; i < count; ++i) {
      if (std::binary_search(left_out.begin(), left_out.end(), i)) continue;
      ARROW_ASSIGN_OR_RAISE(auto batch, reader->ReadRecordBatch(static_cast<int>(i)));
      batches.push_back(std::move(batch));
    }
    if (batches.empty()) return std::shared_ptr<arrow::Table>();
    return arrow::Table::FromRecordBatches(schema, batches);
  }
};

RowFile::RowFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
RowFile::~RowFile() = default;

Result<std::unique_ptr<RowFile>> RowFile::Make(const std::string& folder) {
  auto state = std::make_unique<State>();
  WEIRHOUSE_TRY(state->fd, OpenNameless(folder));
  return std::unique_ptr<RowFile>(new RowFile(std::move(state)));
}

std::size_t RowFile::count() const { return state_->count; }

Status RowFile::Append(const arrow::Table& rows) {
  WEIRHOUSE_FAILPOINT("storage.row_file.append");
  const arrow::Status appended = state_->Append(rows);
  return appended.ok() ? Status() : StatusOfRows(appended, "write");
}

Result<std::shared_ptr<arrow::Table>> RowFile::Finish(const std::vector<std::size_t>& left_out) {
  if (state_->count == 0) return std::shared_ptr<arrow::Table>();
  auto rows = state_->Read(left_out);
  if (!rows.ok()) return StatusOfRows(rows.status(), "read back");
  return *std::move(rows);
}

// ---- RowStore

struct RowStore::State {
  Scratch scratch;
  std::vector<std::shared_ptr<arrow::Table>> parts;  // in memory; they follow the rows in the file
  std::int64_t rows = 0;                             // of these
  std::int64_t bytes = 0;
  std::unique_ptr<RowFile> file;
  std::size_t marked = 0;                // tables in the file before the mark
  std::size_t marked_parts = 0;          // those in memory before it, where there is no file
  std::vector<std::size_t> forgotten{};  // of its tables

  bool full() const { return rows > scratch.piece_rows || bytes > scratch.piece_bytes; }
};

namespace {
// Columns may differ in nullability, not in type.
std::vector<std::shared_ptr<arrow::Table>> Alike(
    const std::vector<std::shared_ptr<arrow::Table>>& parts) {
  std::vector<std::shared_ptr<arrow::Table>> alike;
  for (const auto& part : parts) {
    arrow::FieldVector fields;
    for (const auto& field : part->schema()->fields())
      fields.push_back(arrow::field(field->name(), field->type()));
    alike.push_back(arrow::Table::Make(arrow::schema(fields), part->columns(), part->num_rows()));
  }
  return alike;
}
}  // namespace

RowStore::RowStore(Scratch scratch) : state_(std::make_unique<State>()) {
  state_->scratch = std::move(scratch);
}
RowStore::~RowStore() = default;

Status RowStore::Add(const std::shared_ptr<arrow::Table>& rows) {
  State& state = *state_;
  state.parts.push_back(rows);
  state.rows += rows->num_rows();
  if (rows->num_rows() > 0 && state.scratch.piece_bytes != Scratch().piece_bytes)
    state.bytes += arrow::util::TotalBufferSize(*rows);
  return state.full() ? Flush() : Status();
}

Status RowStore::Flush() {
  State& state = *state_;
  if (state.rows == 0 || state.scratch.folder.empty()) return Status();
  if (state.file == nullptr) {
    auto file = RowFile::Make(state.scratch.folder);
    if (file.status().code() == Code::kPermissionDenied) {
      state.scratch = Scratch();  // a folder that is not writable: rows stay in memory
      return Status();
    }
    WEIRHOUSE_TRY(state.file, std::move(file));
  }
  const auto whole = arrow::ConcatenateTables(Alike(state.parts));
  if (!whole.ok()) return StatusOfRows(whole.status(), "put together");
  for (const RowRange& piece : PiecesOf(**whole, state.scratch))
    WEIRHOUSE_TRY_STATUS(state.file->Append(*(*whole)->Slice(piece.begin, piece.count)));
  state.parts.clear();
  state.rows = state.bytes = 0;
  state.marked_parts = 0;
  return Status();
}

Status RowStore::Mark() {
  WEIRHOUSE_TRY_STATUS(Flush());
  state_->marked = state_->file == nullptr ? 0 : state_->file->count();
  state_->marked_parts = state_->parts.size();
  return Status();
}

void RowStore::ForgetMarked() {
  State& state = *state_;
  const std::size_t count = state.file == nullptr ? 0 : state.file->count();
  for (std::size_t i = state.marked; i < count; ++i) state.forgotten.push_back(i);
  state.marked = count;
  // A flush moves all tables to the file, so the tables here were added after the mark, or before
  // it if there can be no file.
  state.parts.resize(std::min(state.marked_parts, state.parts.size()));
  state.rows = state.bytes = 0;
  for (const auto& part : state.parts) state.rows += part->num_rows();
}

Result<std::shared_ptr<arrow::Table>> RowStore::Finish() {
  State& state = *state_;
  if (state.file != nullptr) {
    WEIRHOUSE_TRY_STATUS(Flush());
    WEIRHOUSE_TRY(auto rows, state.file->Finish(state.forgotten));
    state.file.reset();
    return rows;
  }
  if (state.parts.empty()) return std::shared_ptr<arrow::Table>();
  if (state.parts.size() == 1) return state.parts.front();
  const auto whole = arrow::ConcatenateTables(Alike(state.parts));
  if (!whole.ok()) return StatusOfRows(whole.status(), "put together");
  return *whole;
}
}  // namespace weirhouse::platform
