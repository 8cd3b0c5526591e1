// The Wireshark dissector, made from the field tables that our own decoder uses.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sim/field_table.h"

namespace ringside {

// `dissector.lua` with the payload types put into it.
std::string lua_dissector(std::string_view dissector_template, std::span<const PayloadType* const> types);

}  // namespace ringside
