// The window: SDL, its OpenGL context, ImGui's frame. What is drawn in it is the App's.
#pragma once

#include <SDL.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sim/result.h"
#include "viewer/canvas/theme.h"
#include "viewer/window/imgui_canvas.h"

namespace ringside::viewer {

struct WindowOptions {
  int width = 1440, height = 900;  // logical pixels
  bool is_offscreen = false;       // no display: pictures only
  bool is_fullscreen = false;
  float scale = 0;  // of letters and everything else; 0: as the display says
};

class Window final : public AreaClearer {
 public:
  // An error where there is no display says what can be done without one.
  static Result<std::unique_ptr<Window>> open(const WindowOptions& options, const std::string& title);
  ~Window() override;
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  // Letters of the theme's size, from the next frame on.
  void set_text_size(float size);
  // Events go to ImGui first; true where it keeps a key for itself (somebody types into a text field).
  void give(const SDL_Event& event);
  void begin_frame(double seconds, const Theme& theme);
  // Draws what ImGui has been told; `show` false: into the back buffer alone.
  void end_frame(const Theme& theme, bool show);
  void clear(Rect area, Color color) override;
  // What was drawn last: RGB, rows from the top, drawable_width() x drawable_height().
  std::vector<uint8_t> read_pixels();

  float scale() const { return scale_; }
  int width() const;
  int height() const;
  int drawable_width() const;
  int drawable_height() const;
  const Fonts& fonts() const { return fonts_; }
  void set_title(const std::string& title);
  void toggle_fullscreen();
  SDL_Window* sdl() const { return window_; }

 private:
  Window() = default;

  SDL_Window* window_ = nullptr;
  SDL_GLContext context_ = nullptr;
  bool has_imgui_ = false;
  Fonts fonts_;
  std::vector<bool*> let_go_;  // ImGui's keys and buttons
  float scale_ = 1, text_size_ = 0;
  void (*clear_color_)(float, float, float, float) = nullptr;
  void (*clear_)(unsigned) = nullptr;
  void (*viewport_)(int, int, int, int) = nullptr;
  void (*scissor_)(int, int, int, int) = nullptr;
  void (*enable_)(unsigned) = nullptr;
  void (*read_pixels_)(int, int, int, int, unsigned, unsigned, void*) = nullptr;
  void (*pixel_store_)(unsigned, int) = nullptr;
};

}  // namespace ringside::viewer
