// How requests and responses lie in a ring's slot (public/io/blkif.h as the compilers of both architectures
// lay it out; xen-blkback's common.h spells the same). 64-bit frontends use "x86_64-abi", 32-bit ones
// "x86_32-abi", where 64-bit numbers are aligned to 4 bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "hv-model/backends/blk/blk_request.h"

namespace ringside {

struct BlkLayout {
  uint32_t slot_bytes;
  uint32_t id, sector_number;
  uint32_t segments;         // of a read or write; a discard has nr_sectors there
  uint32_t indirect_handle;  // of an indirect request
  uint32_t indirect_grefs;
  uint32_t response_bytes;  // id at 0, operation at 8, status at 10
};

inline constexpr uint32_t kBlkSlotBytesMax = 112;

// By the frontend's node `protocol`; null for one that is not known.
const BlkLayout* blk_layout_of(std::string_view protocol);
// Where there is no such node: that of the backend's own architecture.
const BlkLayout& blk_native_layout();

// Reads a slot, all but what the pages of an indirect request list.
void read_blk_request(const BlkLayout& layout, std::span<const uint8_t> slot, BlkRequest& request);
// Segments as they lie in a slot or in a page of an indirect request.
void read_blk_segments(std::span<const uint8_t> bytes, size_t count, BlkRequest& request);
// Writes the request into its slot, all but the segments that pages list; what the request does not use of
// the slot stays as it is.
void write_blk_request(const BlkLayout& layout, const BlkRequest& request, std::span<uint8_t> slot);
// Returns the bytes of `into` that make the response.
std::span<const uint8_t> write_blk_response(const BlkLayout& layout, const BlkResponseRecord& response,
                                            std::span<uint8_t, 16> into);

}  // namespace ringside
