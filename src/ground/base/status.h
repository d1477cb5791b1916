// Errors as values: what happened decides what the pipeline does next (retry, quarantine, halt).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace weirhouse {

enum class Code : std::uint8_t {
  kOk,
  kInvalidInput,      // the record or request is at fault: quarantine or refuse it, go on
  kGateFailed,        // the data is at fault: halt this table and alert
  kContractRefused,   // the change would break readers: publish a major version or drop it
  kConflict,          // another writer won, for certain: reload and redo the run
  kNotFound,          // absent, and the caller asked by name
  kPermissionDenied,  // policy says no: never retry
  kUnavailable,       // the world is at fault: back off and retry the same call
  kCorruption,        // stored bytes contradict themselves: stop, never overwrite
  kInternal,          // a bug here
};

// "invalid input", "gate failed", …
std::string_view CodeName(Code code);
// The exit code of the command line for `code` (docs/reference/project.md, "Exit codes").
int ExitCode(Code code);

// Why an operation failed, for callers that act on it. Declared once, in the header of the code
// that fails, with the code of its page below docs/errors/:
//   inline constexpr Reason kPointerMoved{"WH7002"};
//   return Status(Code::kConflict, "…").WithError(kPointerMoved);
//   if (status.Is(kPointerMoved)) …
// Callers test the reason; `Status::error_code` is for printing alone, which tools/tidy checks. A
// status that goes over a socket or gets a new message keeps its reason as long as it keeps its
// code.
class Reason {
 public:
  constexpr explicit Reason(std::string_view code) : code_(code) {}
  constexpr std::string_view code() const { return code_; }

 private:
  std::string_view code_;  // "WH7002"
};
// Reasons that several rooms share.

// It is unknown whether a transaction took place. Look it up by its key; never send it as a new one.
inline constexpr Reason kOutcomeUnknown{"WH7003"};
// A disk is full. The last write did not take effect.
inline constexpr Reason kStorageFull{"WH7010"};

// A place in a file that a person wrote. Lines and columns count from 1; 0 = unknown.
struct SourceSpan {
  std::string path;
  int line = 0;
  int column = 0;
  int width = 1;            // characters to underline
  std::string source_line;  // the text of the line, for the caret; may be empty
};

// One finding about a file that a person wrote. Several travel in one Status (see WithDiagnostics).
struct Diagnostic {
  enum class Severity : std::uint8_t { kError, kWarning };
  Severity severity = Severity::kError;
  std::string error_code;  // "WH2104"; its meaning never changes; see docs/errors/
  std::string message;     // lower case, no full stop: what is wrong
  std::optional<SourceSpan> span;
  std::string caret_note;  // beside the caret: "not in contract arrival 1.0.0"
  std::string hint;        // what to do next
  std::string note;
};

// The outcome of an operation that returns nothing. Cheap to move; OK costs one pointer.
// Threads: immutable once built; may be shared.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message);
  static Status Ok() { return Status(); }

  bool ok() const { return payload_ == nullptr; }
  Code code() const { return payload_ ? payload_->code : Code::kOk; }
  const std::string& message() const;
  const std::string& hint() const;
  // "WH2104", or empty if the status has none. For printing; to act on it, call Is.
  const std::string& error_code() const;
  // Whether the operation failed for this reason.
  bool Is(Reason reason) const;
  const std::optional<SourceSpan>& span() const;
  const std::vector<Diagnostic>& diagnostics() const;

  // Builders, used as `return Status(Code::kInvalidInput, "…").WithError("WH1204").WithHint("…");`
  Status&& WithHint(std::string hint) &&;
  Status&& WithError(std::string error_code) &&;
  Status&& WithError(Reason reason) &&;
  Status&& WithSpan(SourceSpan span) &&;
  Status&& WithDiagnostics(std::vector<Diagnostic> diagnostics) &&;
  // Puts `context` and ": " before the message, keeping everything else.
  Status&& WithContext(std::string_view context) &&;

  // Drops the outcome on purpose; the reason is for the reader (and can be searched for).
  void Ignore(std::string_view /*reason*/) const {}

  // "invalid input [WH1204]: message (hint)"; for logs and tests. The command prints a status with
  // app/command/print/error_printer.h.
  std::string ToString() const;

 private:
  struct Payload {
    Code code;
    std::string message;
    std::string hint;
    std::string error_code;
    std::optional<SourceSpan> span;
    std::vector<Diagnostic> diagnostics;
  };
  Payload& Mutable();
  std::shared_ptr<Payload> payload_;
};

// A value, or why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}        // NOLINT: implicit by design
  Result(Status status) : state_(std::move(status)) {  // NOLINT: implicit by design
    if (std::get<Status>(state_).ok())
      state_ = Status(Code::kInternal, "a Result was built from an OK status");
  }

  bool ok() const { return std::holds_alternative<T>(state_); }
  Status status() const& { return ok() ? Status() : std::get<Status>(state_); }
  const T& value() const& { return std::get<T>(state_); }
  T& value() & { return std::get<T>(state_); }
  T&& value() && { return std::get<T>(std::move(state_)); }
  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }

 private:
  std::variant<T, Status> state_;
};

namespace internal {
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);
}  // namespace internal
}  // namespace weirhouse

#define WEIRHOUSE_CONCAT_INNER(a, b) a##b
#define WEIRHOUSE_CONCAT(a, b) WEIRHOUSE_CONCAT_INNER(a, b)

// WEIRHOUSE_TRY(Type name, expression): declares `name` from a Result, or returns its Status.
// Use WEIRHOUSE_TRY(auto name, …) freely; for types with commas use `auto`.
#define WEIRHOUSE_TRY(declaration, expression) \
  WEIRHOUSE_TRY_INNER(declaration, expression, WEIRHOUSE_CONCAT(weirhouse_result_, __COUNTER__))
#define WEIRHOUSE_TRY_INNER(declaration, expression, name) \
  auto name = (expression);                                \
  if (!name.ok()) return name.status();                    \
  declaration = std::move(name).value()

// WEIRHOUSE_TRY_STATUS(expression): returns the Status if it is not OK.
#define WEIRHOUSE_TRY_STATUS(expression)                                               \
  do {                                                                                 \
    if (::weirhouse::Status weirhouse_status = (expression); !weirhouse_status.ok()) { \
      return weirhouse_status;                                                         \
    }                                                                                  \
  } while (false)

// Asserts an invariant of ours, in release too. Never used on input. Ends the process.
#define WEIRHOUSE_CHECK(condition)                                                        \
  do {                                                                                    \
    if (!(condition)) ::weirhouse::internal::CheckFailed(#condition, __FILE__, __LINE__); \
  } while (false)
