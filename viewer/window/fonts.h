// The fonts: Inter and JetBrains Mono, which Debian ships; DejaVu where they are not installed; what ImGui
// has built in where there is no font at all.
#pragma once

#include <imgui.h>

#include <vector>

#include "viewer/canvas/canvas.h"

namespace ringside::viewer {

class Fonts {
 public:
  // Each face in the sizes that the theme uses, drawn for `pixels` of the screen to a logical pixel. Between
  // two frames; a texture that the renderer has made before is out of date then.
  void load(float text_size, float pixels);
  // The nearest size that there is.
  ImFont* find(Font font) const;

 private:
  struct Baked {
    Face face;
    float size;
    ImFont* font;
  };
  std::vector<Baked> baked_;
};

}  // namespace ringside::viewer
