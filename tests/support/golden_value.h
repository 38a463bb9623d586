// SPDX-License-Identifier: Apache-2.0
// A value of a golden file that notes what of it was read. A test may say that it compares everything only if nothing
// is left that nobody has read.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace octet::test {

/// Fields in the order of the file: it is that of layers, and matters.
using GoldenJson = nlohmann::ordered_json;

/// The paths of the values that were read, "cases[3].expected.scale".
using GoldenReads = std::set<std::string, std::less<>>;

class Golden {
 public:
  Golden(const GoldenJson& value, std::string path, GoldenReads& reads)
      : value_(&value), path_(std::move(path)), reads_(&reads) {}

  const std::string& path() const { return path_; }

  /// Walking down to a value, or asking whether it is there, does not count as reading it.
  bool contains(const std::string& key) const { return value_->is_object() && value_->contains(key); }
  Golden at(const std::string& key) const {
    if (!contains(key)) throw std::out_of_range(path_ + ": no field " + key);
    return {(*value_)[key], path_ + '.' + key, *reads_};
  }
  Golden at(std::size_t i) const {
    if (!value_->is_array() || i >= value_->size()) throw std::out_of_range(path_ + ": no element " + index(i));
    return {(*value_)[i], path_ + index(i), *reads_};
  }
  std::size_t size() const { return value_->size(); }
  std::vector<Golden> elements() const {
    std::vector<Golden> all;
    for (std::size_t i = 0; i < value_->size(); ++i) all.push_back(at(i));
    return all;
  }
  std::vector<std::pair<std::string, Golden>> fields() const {
    std::vector<std::pair<std::string, Golden>> all;
    for (const auto& [key, unused] : value_->items()) all.emplace_back(key, at(key));
    return all;
  }

  /// The value for who only looks at what kind of case it is.
  const GoldenJson& peek() const { return *value_; }
  /// The value, and all that is in it, counts as read.
  const GoldenJson& whole() const {
    reads_->insert(path_);
    return *value_;
  }
  template <typename T>
  T get() const {
    return whole().get<T>();
  }
  /// Where the file says "none", that is read by asking.
  bool is_null() const {
    if (value_->is_null()) whole();
    return value_->is_null();
  }

 private:
  static std::string index(std::size_t i) { return '[' + std::to_string(i) + ']'; }

  const GoldenJson* value_;
  std::string path_;
  GoldenReads* reads_;
};

/// Calls visit(name, read) for each field at and below `path`, a tensor being one. `name` is the path without indices.
template <typename Visit>
void visit_fields(const GoldenJson& value, const std::string& path, const std::string& name, const GoldenReads& reads,
                  bool read, const Visit& visit) {
  read = read || reads.contains(path);
  const bool tensor = value.is_object() && value.contains("data") && value.contains("shape");
  if (value.is_object() && !tensor) {
    for (const auto& [key, inner] : value.items())
      visit_fields(inner, path + '.' + key, name.empty() ? key : name + '.' + key, reads, read, visit);
  } else if (value.is_array() && !value.empty() && !(read && value.front().is_primitive())) {
    for (std::size_t i = 0; i < value.size(); ++i)
      visit_fields(value[i], path + '[' + std::to_string(i) + ']', name, reads, read, visit);
  } else {
    visit(name, read);
  }
}

}  // namespace octet::test
