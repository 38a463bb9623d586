// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/state.h"

#include <algorithm>
#include <new>
#include <set>
#include <string_view>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/file_format.h"
#include "octet/base/nearest.h"
#include "octet/base/utf8.h"
#include "octet/nn/safetensors.h"

namespace octet {
namespace {

constexpr std::size_t kNamesShown = 10;

std::vector<StateEntry> collect(Module& module, bool whole_run) {
  std::vector<StateEntry> entries;
  module.visit([&](const std::string& path, Module& m) {
    const std::string prefix = path.empty() ? "" : path + '.';
    for (const auto* own : {&m.own_parameters(), &m.own_buffers()})
      for (const auto& [name, tensor] : *own) entries.push_back({.name = prefix + name, .tensor = tensor});
    for (const auto& [name, value, in_weights] : m.own_counters())
      if (in_weights || whole_run) entries.push_back({.name = prefix + name, .counter = value, .required = whole_run});
  });
  return entries;
}

void check_entry(const StateEntry& entry) {
  require(entry.tensor.defined() != (entry.counter != nullptr), "state: ", printable(entry.name),
          ": an entry is either a tensor or a counter");
  require(entry.counter || entry.tensor.layout() == Layout::kRowMajor, "state: ", printable(entry.name),
          ": activations cannot be saved, only row-major tensors");
}

// Why the file's tensor cannot become the entry's value, or nothing.
std::string mismatch(const StateEntry& entry, const safetensors::Entry& in_file) {
  const bool type_fits =
      entry.counter ? in_file.type == safetensors::Type::kI64 : safetensors::File::is_float(in_file.type);
  const Shape shape = entry.counter ? Shape{} : entry.tensor.shape();
  if (!type_fits)
    return text(printable(entry.name), ": ", entry.counter ? "I64" : "F32", " here, ",
                safetensors::type_name(in_file.type), " in the file");
  if (shape != in_file.shape) return text(printable(entry.name), ": ", shape, " here, ", in_file.shape, " in the file");
  return "";
}

// "3 missing: a, b, c", with nearest names of `valid` if there are any, cut after the first ones.
std::string list_names(const char* what, const std::vector<std::string>& names, std::span<const std::string> valid) {
  std::string list = text(names.size(), ' ', what, ": ");
  for (std::size_t i = 0; i < std::min(names.size(), kNamesShown); ++i) {
    const std::string nearest = nearest_name(names[i], valid);
    list += i ? ", " : "";
    list += printable(names[i]);
    if (!nearest.empty()) list += " (the file has " + printable(nearest) + ")";
  }
  if (names.size() > kNamesShown) list += text(" and ", names.size() - kNamesShown, " more");
  return list;
}

[[noreturn]] void fail_incomplete(const std::string& path, const LoadReport& report) {
  std::string message;
  const auto add = [&](const char* what, const std::vector<std::string>& names, std::span<const std::string> valid) {
    if (!names.empty()) message += (message.empty() ? "" : "; ") + list_names(what, names, valid);
  };
  add("missing", report.missing, report.unexpected);
  add("unexpected", report.unexpected, {});
  add("mismatched", report.mismatched, {});
  fail(path, ": the file does not fit: ", message);
}

}  // namespace

std::vector<StateEntry> named_weights(Module& module) { return collect(module, false); }

std::vector<StateEntry> named_state(Module& module) { return collect(module, true); }

void save_state(const std::filesystem::path& path, std::span<const StateEntry> entries, const Metadata& metadata,
                const SaveStateOptions& options) {
  std::vector<safetensors::Source> sources;
  for (const StateEntry& entry : entries) {
    check_entry(entry);
    if (entry.counter)
      sources.push_back({.name = entry.name, .shape = {}, .integers = {entry.counter, 1}});
    else
      sources.push_back({.name = entry.name, .shape = entry.tensor.shape(), .floats = entry.tensor.values()});
  }
  safetensors::write(path, sources, metadata, {.sealed = options.sealed});
}

LoadReport load_state(const std::filesystem::path& path, std::span<const StateEntry> entries,
                      const LoadOptions& options) {
  return load_state(safetensors::File::read(path), entries, options);
}

LoadReport load_state(const safetensors::File& file, std::span<const StateEntry> entries, const LoadOptions& options) {
  LoadReport report;
  report.metadata = file.metadata();
  std::vector<std::pair<const StateEntry*, const safetensors::Entry*>> matches;
  std::set<std::string_view> known;
  for (const StateEntry& entry : entries) {
    check_entry(entry);
    require(known.insert(entry.name).second, "state: ", printable(entry.name), ": the name is there twice");
    const safetensors::Entry* const in_file = file.find(entry.name);
    if (!in_file) {
      if (entry.required) report.missing.push_back(entry.name);
      continue;
    }
    std::string why = mismatch(entry, *in_file);
    if (why.empty())
      matches.emplace_back(&entry, in_file);
    else
      report.mismatched.push_back(std::move(why));
  }
  for (const safetensors::Entry& in_file : file.entries())
    if (!known.contains(in_file.name)) report.unexpected.push_back(in_file.name);
  if (options.strict && !report.complete()) fail_incomplete(file.source(), report);

  // All values are read before any is written, so that a failure changes nothing: F64 may hold some that do not fit, a
  // disk may fail, memory may run out.
  try {
    std::vector<std::vector<float>> floats;
    std::vector<std::int64_t> integers;
    for (const auto& [entry, in_file] : matches) {
      integers.push_back(entry->counter ? file.integers(*in_file).front() : 0);
      floats.push_back(entry->counter ? std::vector<float>() : file.floats(*in_file));
    }
    for (const auto& [entry, in_file] : matches)
      if (!entry->counter) Tensor(entry->tensor).mutable_values();  // may take memory, too
    for (std::size_t i = 0; i < matches.size(); ++i) {
      const StateEntry& entry = *matches[i].first;
      if (entry.counter)
        *entry.counter = integers[i];
      else
        std::ranges::copy(floats[i], Tensor(entry.tensor).mutable_values().begin());
    }
  } catch (const std::bad_alloc&) {
    fail(printable(file.source()), ": not enough memory for its tensors");
  }
  return report;
}

void save_weights(Module& module, const std::filesystem::path& path, const Metadata& metadata) {
  Metadata all = metadata;
  all[kOctetFormatKey] = to_text(kWeightsFormat);
  save_state(path, named_weights(module), all);
}

LoadReport load_weights(Module& module, const std::filesystem::path& path, const LoadOptions& options) {
  return load_state(path, named_weights(module), options);
}

}  // namespace octet
