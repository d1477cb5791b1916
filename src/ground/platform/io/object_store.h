// Where the lake lies: raw objects, Iceberg data and metadata, code, model artifacts. Every write of
// the product goes through here: failpoints, injected faults and the simulated power loss sit behind
// this one interface.
//
// What it asks for is what a shared store can do as well as a disk: an object is created, or
// replaced, whole; it is never appended to, renamed, or changed in place; there are no folders,
// only locations that begin alike. So S3 can stand behind it: Write and PutIfAbsent are a PUT with
// `If-None-Match: *`, Replace is a PUT, ReadRange and Open a GET with a range, List is
// ListObjectsV2 with a prefix, start-after and max-keys, and Flush has nothing left to do.
// `store_conformance.h` is the suite that every driver passes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ground/base/byte_stream.h"
#include "ground/base/digest.h"
#include "ground/base/status.h"

namespace weirhouse::platform {

// Making an object durable failed before: it is not believed a second time.
inline constexpr Reason kSyncFailedBefore{"WH7034"};

struct FileInfo {
  std::string path;  // the location
  std::int64_t size_bytes = 0;
  std::int64_t mtime_us = 0;
  std::uint64_t inode = 0;  // 0 where the store has none
  bool is_folder = false;   // never on a store without folders
};

// A part of a listing. More follows the last of `objects` where `more` says so.
struct ObjectPage {
  std::vector<FileInfo> objects;
  bool more = false;
};

// What readers of a store keep of its objects, which never change. Whoever reads has a kind of their
// own, with its bounds; it goes with the store that has it.
class ReadCache {
 public:
  virtual ~ReadCache() = default;
};

// Locations are absolute paths or URIs ("/lake/a", "file:///lake/a"); those that the store gives are
// in its one spelling. Threads: any. Errors: kNotFound (WH7012), kPermissionDenied, kUnavailable
// (disk full, too many files: retry may help), kConflict (WH7014, Write found an object there),
// kCorruption (a flush failed: reopen and recover, never retry; WH7017: a range ends beyond the
// object), each with the location and what to do.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // The one spelling of a location, by which locations are compared: see CanonicalPath. Where the
  // store's content was moved, former locations are spelled as the present ones (moved_store.h).
  virtual std::string Spelling(std::string_view location) const;

  // Creates an object, durable once it was flushed. It must not exist.
  virtual Status Write(const std::string& location, std::string_view bytes) = 0;
  // Makes objects written with Write durable. After OK a power cut keeps them, and whatever names
  // them may be committed. Cost on a disk: about one fsync of wall time for every 8 files, and one
  // for each folder.
  virtual Status Flush(std::span<const std::string> locations) = 0;

  // Creates an object whole and durably if it is absent; true if it was created, false if it was
  // there (and then is durable too). Of racing callers exactly one gets true. `mode` is that of the
  // file where the store is a disk.
  virtual Result<bool> PutIfAbsent(const std::string& location, std::string_view bytes,
                                   unsigned mode) = 0;
  // The same of a stream, which need not be read where the object is there. An error of the stream
  // is returned, and nothing was put. Memory: a piece, unless the driver only takes whole objects.
  virtual Result<bool> PutStreamIfAbsent(const std::string& location, ByteStream& bytes,
                                         unsigned mode);

  // Creates or replaces an object whole and durably: who reads meanwhile sees the former bytes or
  // the new ones.
  virtual Status Replace(const std::string& location, std::string_view bytes) = 0;
  // The same of a stream, with `mode`. An error of the stream is returned, and what was there stays.
  virtual Status ReplaceByStream(const std::string& location, ByteStream& bytes, unsigned mode);

  virtual Result<std::string> Read(const std::string& location) = 0;
  virtual Result<std::string> ReadRange(const std::string& location, std::int64_t offset,
                                        std::int64_t size_bytes) = 0;
  // The bytes of a range, as a stream. An object that is shorter is told by ReadRange's error when
  // the stream gets there, or here. The store must outlive the stream.
  virtual Result<std::unique_ptr<ByteStream>> Open(const std::string& location, std::int64_t offset,
                                                   std::int64_t size_bytes);
  virtual Result<FileInfo> Stat(const std::string& location) = 0;
  // Objects whose locations begin with `prefix` and come after `after` (empty: all), in the order
  // of their bytes, `limit` at most. A prefix without objects is no error. Links are not followed.
  virtual Result<ObjectPage> List(const std::string& prefix, const std::string& after,
                                  std::int64_t limit) = 0;
  virtual Status Delete(const std::string& location) = 0;  // absent is OK; so is an empty folder
  // Prepares a place for engines that write there themselves: on a disk, the folder with its
  // parents. A store without folders has nothing to do.
  virtual Status MakeFolder(const std::string& location) = 0;
  // Where readers keep what they parsed; null where nothing is kept, and they read again each time.
  virtual ReadCache* read_cache() { return nullptr; }
};

// A range of an object, read by ReadRange piece by piece: kCorruption (WH7017) where it is shorter.
class RangeStream final : public ByteStream {
 public:
  RangeStream(ObjectStore& store, std::string location, std::int64_t offset,
              std::int64_t size_bytes)
      : store_(store), location_(std::move(location)), offset_(offset), left_bytes_(size_bytes) {}
  Result<std::size_t> Read(char* into, std::size_t room) override;

 private:
  ObjectStore& store_;
  std::string location_;
  std::int64_t offset_;
  std::int64_t left_bytes_;
};

// Memory: a piece.
Result<Digest> DigestOfObject(ObjectStore& store, const std::string& location);
}  // namespace weirhouse::platform
