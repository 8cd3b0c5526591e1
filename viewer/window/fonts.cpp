#include "viewer/window/fonts.h"

#include <cmath>
#include <filesystem>
#include <initializer_list>
#include <string>

namespace ringside::viewer {

namespace {

std::string first_that_is_there(std::initializer_list<const char*> paths) {
  std::error_code error;
  for (const char* path : paths) {
    if (std::filesystem::exists(path, error)) return path;
  }
  return {};
}

std::string file_of(Face face) {
  switch (face) {
    case Face::text:
      return first_that_is_there({"/usr/share/fonts/opentype/inter/Inter-Regular.otf",
                                  "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"});
    case Face::bold:
      return first_that_is_there({"/usr/share/fonts/opentype/inter/Inter-SemiBold.otf",
                                  "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"});
    case Face::mono: break;
  }
  return first_that_is_there({"/usr/share/fonts/truetype/jetbrains-mono/JetBrainsMono-Regular.ttf",
                              "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"});
}

}  // namespace

void Fonts::load(float text_size, float pixels) {
  // Latin, punctuation, arrows, geometric shapes.
  static constexpr ImWchar kRanges[] = {0x20, 0xff, 0x2010, 0x2027, 0x2190, 0x21ff, 0x25a0, 0x25ff, 0};
  ImFontAtlas& atlas = *ImGui::GetIO().Fonts;
  atlas.Clear();
  baked_.clear();
  for (const Face face : {Face::text, Face::bold, Face::mono}) {
    const std::string file = file_of(face);
    for (const float part : {0.87F, 1.0F, 1.25F, 1.7F}) {
      if (face == Face::mono && part > 1.1F) continue;
      const float size = text_size * part;
      ImFontConfig config;
      config.OversampleH = 2;
      config.OversampleV = 1;
      ImFont* font = nullptr;
      if (!file.empty())
        font = atlas.AddFontFromFileTTF(file.c_str(), std::round(size * pixels * 1.2F), &config, kRanges);
      if (font == nullptr) {
        config.SizePixels = std::round(size * pixels);
        font = atlas.AddFontDefault(&config);
      }
      baked_.push_back({face, size, font});
    }
  }
  atlas.Build();
  ImGui::GetIO().FontDefault = find({Face::text, text_size});
  ImGui::GetIO().FontGlobalScale = 1.0F / pixels;
}

ImFont* Fonts::find(Font font) const {
  ImFont* nearest = nullptr;
  float distance = 0;
  for (const Baked& baked : baked_) {
    if (baked.face != font.face) continue;
    const float away = std::abs(baked.size - font.size);
    if (nearest != nullptr && away >= distance) continue;
    nearest = baked.font;
    distance = away;
  }
  return nearest;
}

}  // namespace ringside::viewer
