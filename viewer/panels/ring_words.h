// What a ring's state says, in the terms of its kind: hands, counts, sentences. Shared by the rings panel's
// parts.
#pragma once

#include <string>
#include <vector>

#include "viewer/panels/ring_glide.h"
#include "viewer/panels/slot_circle.h"

namespace ringside::viewer {

bool has_slots(RingState::Kind kind);
// Slots or descriptors, however absurd the session's number is.
uint32_t slots_of(const RingState& ring);
// A descriptor ring's slots are the device's (taken) or the driver's (empty).
SlotState slot_state(const RingState& ring, uint32_t slot);
RingGlide::Indices ring_indices(const RingState& ring);
// With the numbers of now, at the places that the glide has reached.
std::vector<CircleHand> ring_hands(const Theme& theme, const RingState& ring, const RingGlide& glide);
// How many are in flight: published and not answered, or the device's descriptors.
uint32_t in_flight(const RingState& ring);
std::string_view in_flight_word(RingState::Kind kind);
// Where the next request, or descriptor, goes.
uint32_t next_slot(const RingState& ring);
// What the event thresholds mean just now, a sentence each.
std::vector<std::string> ring_sentences(const RingState& ring);
// Slots that the crossing is about.
std::vector<uint32_t> slots_of_row(const RingState& ring, Row row);
// The last of the crossings that a slot's content hangs on.
Row last_row_of(const RingSlot& slot);

}  // namespace ringside::viewer
