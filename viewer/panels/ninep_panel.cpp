#include "viewer/panels/ninep_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "viewer/panels/state_words.h"

namespace ringside::viewer {

namespace {

// Latencies stand on one logarithmic scale, from one power of two of nanoseconds to another.
struct Scale {
  float first = 0, last = 1;  // powers
  Rect area;
  float at(double ps) const {
    const auto power = static_cast<float>(std::log2(std::max(ps / 1000, 1.0)));
    return area.x + area.w * std::clamp((power - first) / (last - first), 0.0F, 1.0F);
  }
  float at_power(float power) const { return at(std::exp2(static_cast<double>(power)) * 1000); }
};

Scale scale_of(const NinePState& share, Rect area) {
  double least = 1e18, most = 1000;
  for (const NinePState::TypeLatency& latency : share.latencies) {
    if (latency.count == 0) continue;
    least = std::min(least, static_cast<double>(latency.smallest.ps));
    most = std::max(most, static_cast<double>(latency.largest.ps));
  }
  Scale scale;
  scale.area = area;
  // Never narrower than a factor of 16, so that a power of ten stands below it.
  scale.first = static_cast<float>(std::floor(std::log2(std::max(std::min(least, most) / 1000, 1.0)))) - 1;
  scale.last =
      std::max(static_cast<float>(std::ceil(std::log2(std::max(most / 1000, 1.0)))) + 1, scale.first + 4);
  return scale;
}

void draw_latency(Frame& frame, const Scale& scale, Rect strip, const NinePState::TypeLatency& latency) {
  const Theme& theme = frame.theme;
  const float floor = strip.bottom() - strip.h * 0.28F;
  const uint32_t most =
      latency.histogram.empty() ? 0 : *std::max_element(latency.histogram.begin(), latency.histogram.end());
  for (size_t power = 0; power < latency.histogram.size() && power < 64 && most != 0; ++power) {
    if (latency.histogram[power] == 0) continue;
    const float from = scale.at_power(static_cast<float>(power)),
                to = scale.at_power(static_cast<float>(power + 1));
    const float high = std::max(
        2.0F, strip.h * 0.62F * static_cast<float>(latency.histogram[power]) / static_cast<float>(most));
    frame.canvas.fill({from + 1, floor - high, std::max(2.0F, to - from - 2), high},
                      theme.message.with_alpha(150), 1);
  }
  const float y = floor + strip.h * 0.12F, tick = strip.h * 0.1F;
  const float least = scale.at(static_cast<double>(latency.smallest.ps)),
              largest = scale.at(static_cast<double>(latency.largest.ps));
  const float mean = scale.at(static_cast<double>(latency.sum.ps) /
                              static_cast<double>(std::max<uint64_t>(latency.count, 1)));
  frame.canvas.line({least, y}, {largest, y}, theme.text, 1.5F);
  for (const float x : {least, largest}) frame.canvas.line({x, y - tick}, {x, y + tick}, theme.text, 1.5F);
  const float half = tick * 1.5F;
  frame.canvas.fill_convex(
      std::array{Point{mean, y - half}, Point{mean + half, y}, Point{mean, y + half}, Point{mean - half, y}},
      theme.signal);
}

void draw_axis(Frame& frame, const Scale& scale, Rect strip) {
  float taken = strip.x - 1;
  for (double ps = 1e3; ps <= 1e13; ps *= 10) {
    const auto power = static_cast<float>(std::log2(ps / 1000));
    if (power < scale.first || power > scale.last) continue;
    const float x = scale.at(ps), wide = frame.canvas.text_width(time_text(ps, ps), frame.theme.small());
    const float left = std::clamp(x - wide / 2, strip.x, std::max(strip.x, strip.right() - wide));
    frame.canvas.line({x, strip.y}, {x, strip.y + 4}, frame.theme.dim);
    if (left < taken) continue;
    frame.canvas.text_in({left, strip.y + 4, wide + 1, strip.h - 4}, time_text(ps, ps), frame.theme.dim,
                         frame.theme.small());
    taken = left + wide + frame.theme.gap();
  }
}

}  // namespace

const NinePState* NinepPanel::shown_share(const ViewState& view, const std::vector<NinePState>& shares) {
  for (const NinePState& share : shares)
    if (share.share == view.selected_ring) return &share;
  return shares.empty() ? nullptr : &shares.front();
}

void NinepPanel::draw(Frame& frame) {
  const std::vector<NinePState>& shares = frame.view.story().ninep(frame.view.cursor().row);
  const NinePState* share = shown_share(frame.view, shares);
  if (share == nullptr) return frame.say_empty("No 9P yet: no share has had a message by the cursor.");
  const Theme& theme = frame.theme;
  Rect area = frame.area.inset(theme.gap());
  if (shares.size() > 1) {
    std::vector<std::string> names, titles;
    for (const NinePState& other : shares) names.push_back(other.share);
    const bool several = name_several_domains(names);
    for (const std::string& name : names) titles.push_back(short_name(name, several));
    const auto chosen = static_cast<int>(share - shares.data());
    const int clicked = frame.tabs(area.take_top(theme.row_height()), "share", titles, chosen);
    if (clicked >= 0) frame.view.selected_ring = names[static_cast<size_t>(clicked)];
    area.take_top(theme.gap());
  }
  const float wanted_tags =
      theme.row_height() * (1 + static_cast<float>(std::max<size_t>(share->in_flight.size(), 1)));
  if (area.w > theme.text_size * 46) {
    Rect right = area.take_right(area.w * 0.48F);
    right.take_left(theme.gap() * 2);
    draw_latencies(frame, right, *share);
  } else if (area.h > theme.text_size * 22) {
    draw_latencies(frame, area.take_bottom(area.h * 0.42F), *share);
  }
  draw_tags(frame, area.take_bottom(std::min(wanted_tags, area.h * 0.4F)), *share);
  area.take_bottom(theme.gap());
  draw_fids(frame, area, *share);
}

void NinepPanel::draw_fids(Frame& frame, Rect area, const NinePState& share) {
  const Theme& theme = frame.theme;
  draw_heading(frame, area,
               share.fids.empty()
                   ? "no fids"
                   : fmt::format("{} fid{}", share.fids.size(), share.fids.size() == 1 ? "" : "s"));
  const Row cursor = frame.view.cursor().row;
  fids_.draw(frame, area, "fids", share.fids.size(), theme.row_height(), [&](size_t i, Rect strip) {
    const NinePState::Fid& fid = share.fids[i];
    const Hit on = frame.hit(strip, fmt::format("fid/{}", fid.fid));
    const float fresh = freshness(fid.since, cursor);
    if (fresh > 0) frame.canvas.fill(strip, theme.cursor.with_alpha(static_cast<uint8_t>(90 * fresh)), 3);
    if (on.hovered) {
      frame.canvas.fill(strip, theme.hover.with_alpha(140), 3);
      frame.view.hovered = fid.since;
    }
    if (on.clicked) visit(frame.view, fid.since);
    Rect room = strip.inset(theme.gap(), 0);
    const std::string number = fmt::format("fid {}", fid.fid);
    frame.canvas.text_in(
        room.take_left(std::max(theme.text_size * 4.5F, frame.canvas.text_width(number, theme.bold()) + 8)),
        number, theme.text, theme.bold());
    const Rect state = room.take_right(theme.text_size * 3);
    frame.canvas.text_in(state, fid.open ? "open" : "", theme.good, theme.bold(), Canvas::Align::right);
    frame.canvas.text_in(room, fid.path.empty() ? "?" : fid.path, theme.text, theme.mono());
  });
}

void NinepPanel::draw_tags(Frame& frame, Rect area, const NinePState& share) {
  const Theme& theme = frame.theme;
  draw_heading(frame, area,
               share.in_flight.empty() ? "no tag in flight"
                                       : fmt::format("{} tag{} in flight", share.in_flight.size(),
                                                     share.in_flight.size() == 1 ? "" : "s"));
  tags_.draw(frame, area, "tags", share.in_flight.size(), theme.row_height(), [&](size_t i, Rect strip) {
    const NinePState::Tag& tag = share.in_flight[i];
    const Hit on = frame.hit(strip, fmt::format("tag/{}", tag.tag));
    if (on.hovered) {
      frame.canvas.fill(strip, theme.hover, 3);
      frame.view.hovered = tag.request;
    }
    if (on.clicked) visit(frame.view, tag.request);
    Rect room = strip.inset(theme.gap(), 0);
    frame.canvas.text_in(room.take_left(theme.text_size * 5), fmt::format("tag {}", tag.tag), theme.text,
                         theme.bold());
    const std::string age = "for " + age_text(frame.view, tag.request);
    const Rect right = room.take_right(frame.canvas.text_width(age, theme.font()) + 1);
    frame.canvas.text_in(right, age, theme.dim, theme.font(), Canvas::Align::right);
    if (is_row(frame.view.table(), tag.request))
      frame.canvas.text_in(room, frame.view.text().verb(tag.request), theme.text, theme.font());
  });
}

void NinepPanel::draw_latencies(Frame& frame, Rect area, const NinePState& share) {
  const Theme& theme = frame.theme;
  std::vector<const NinePState::TypeLatency*> shown;
  for (const NinePState::TypeLatency& latency : share.latencies)
    if (latency.count != 0) shown.push_back(&latency);
  draw_heading(frame, area, shown.empty() ? "no answer yet" : "how long answers take: least, mean, most");
  if (shown.empty()) return;
  const float name_wide = theme.text_size * 6.5F, mean_wide = theme.text_size * 7.5F;
  const bool has_mean = area.w > name_wide + mean_wide + theme.text_size * 8;
  Rect middle = area;
  middle.take_right(theme.text_size);  // of the bar
  middle.take_left(name_wide);
  if (has_mean) middle.take_right(mean_wide);
  const Scale scale = scale_of(share, middle.inset(4, 0));
  const float high = theme.row_height() * 1.7F;
  area.h = std::min(area.h, high * static_cast<float>(shown.size()) + theme.row_height());
  const Rect axis = area.take_bottom(theme.row_height());
  draw_axis(frame, scale, {middle.x, axis.y, middle.w, axis.h});
  latencies_.draw(frame, area, "latencies", shown.size(), high, [&](size_t i, Rect strip) {
    const NinePState::TypeLatency& latency = *shown[i];
    const Hit on = frame.hit(strip, "latency/" + latency.name);
    const std::string mean = duration_text({latency.sum.ps / latency.count});
    if (on.hovered)
      frame.tooltip(fmt::format("{}: {} answered, {} errors\nleast {}, mean {}, most {}", latency.name,
                                latency.count, latency.errors, duration_text(latency.smallest), mean,
                                duration_text(latency.largest)));
    Rect name{strip.x, strip.y, name_wide - theme.gap(), strip.h};
    frame.canvas.text_in(name.take_top(strip.h / 2), latency.name, theme.text, theme.bold());
    const std::string count = latency.errors == 0
                                  ? fmt::format("{}", latency.count)
                                  : fmt::format("{}, {} failed", latency.count, latency.errors);
    frame.canvas.text_in(name, count, latency.errors == 0 ? theme.dim : theme.bad, theme.small());
    draw_latency(frame, scale, {middle.x, strip.y, middle.w, strip.h}, latency);
    if (has_mean)
      frame.canvas.text_in({middle.right() + theme.gap() / 2, strip.y, mean_wide - theme.gap(), strip.h},
                           mean, theme.text, theme.font(), Canvas::Align::right);
  });
}

std::vector<std::pair<std::string, std::string>> NinepPanel::facts(ViewState& view) {
  std::vector<std::pair<std::string, std::string>> facts;
  const NinePState* share = shown_share(view, view.story().ninep(view.cursor().row));
  if (share == nullptr) return facts;
  facts.emplace_back("share", share->share);
  facts.emplace_back("in_flight", fmt::format("{}", share->in_flight.size()));
  for (const NinePState::Fid& fid : share->fids)
    facts.emplace_back(fmt::format("fid.{}", fid.fid), fid.path + (fid.open ? " open" : ""));
  for (const NinePState::Tag& tag : share->in_flight)
    facts.emplace_back(fmt::format("tag.{}", tag.tag), fmt::format("{}", tag.type));
  for (const NinePState::TypeLatency& latency : share->latencies)
    facts.emplace_back(latency.name, fmt::format("{} answered, {} failed", latency.count, latency.errors));
  return facts;
}

}  // namespace ringside::viewer
