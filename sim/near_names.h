// Names that may be meant by one that is not there, by edit distance: for messages.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ringside {

// How many characters must be put in, left out or exchanged.
size_t edit_distance(std::string_view a, std::string_view b);

// Those near enough to be meant, the nearest first, at most so many.
std::vector<std::string> near_names(std::string_view word, const std::vector<std::string>& candidates,
                                    size_t count_max);

// "; did you mean 'drop' or 'stop'?", or nothing.
std::string did_you_mean(const std::vector<std::string>& names);

}  // namespace ringside
