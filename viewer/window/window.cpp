#include "viewer/window/window.h"

#include <backends/imgui_impl_opengl3.h>
#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>

namespace ringside::viewer {

namespace {

// OpenGL's numbers (the Khronos registry, gl.xml).
constexpr unsigned kColorBufferBit = 0x4000, kRgb = 0x1907, kUnsignedByte = 0x1401, kPackAlignment = 0x0d05,
                   kScissorTest = 0x0c11;

// Keys that ImGui's text fields use, and SDL's for them.
constexpr std::pair<ImGuiKey_, SDL_Scancode> kKeys[] = {{ImGuiKey_Tab, SDL_SCANCODE_TAB},
                                                        {ImGuiKey_LeftArrow, SDL_SCANCODE_LEFT},
                                                        {ImGuiKey_RightArrow, SDL_SCANCODE_RIGHT},
                                                        {ImGuiKey_UpArrow, SDL_SCANCODE_UP},
                                                        {ImGuiKey_DownArrow, SDL_SCANCODE_DOWN},
                                                        {ImGuiKey_PageUp, SDL_SCANCODE_PAGEUP},
                                                        {ImGuiKey_PageDown, SDL_SCANCODE_PAGEDOWN},
                                                        {ImGuiKey_Home, SDL_SCANCODE_HOME},
                                                        {ImGuiKey_End, SDL_SCANCODE_END},
                                                        {ImGuiKey_Delete, SDL_SCANCODE_DELETE},
                                                        {ImGuiKey_Backspace, SDL_SCANCODE_BACKSPACE},
                                                        {ImGuiKey_Enter, SDL_SCANCODE_RETURN},
                                                        {ImGuiKey_KeyPadEnter, SDL_SCANCODE_KP_ENTER},
                                                        {ImGuiKey_Escape, SDL_SCANCODE_ESCAPE},
                                                        {ImGuiKey_Space, SDL_SCANCODE_SPACE},
                                                        {ImGuiKey_A, SDL_SCANCODE_A},
                                                        {ImGuiKey_C, SDL_SCANCODE_C},
                                                        {ImGuiKey_V, SDL_SCANCODE_V},
                                                        {ImGuiKey_X, SDL_SCANCODE_X},
                                                        {ImGuiKey_Y, SDL_SCANCODE_Y},
                                                        {ImGuiKey_Z, SDL_SCANCODE_Z}};

int button_of(uint8_t sdl) { return sdl == SDL_BUTTON_LEFT ? 0 : sdl == SDL_BUTTON_RIGHT ? 1 : 2; }

const char* clipboard_text(void*) {
  static std::string kept;
  char* const text = SDL_GetClipboardText();
  kept = text != nullptr ? text : "";
  SDL_free(text);
  return kept.c_str();
}

// What the display says of itself, in steps that letters look well at.
float scale_of_display() {
  float dpi = 0;
  if (SDL_GetDisplayDPI(0, nullptr, &dpi, nullptr) != 0 || dpi < 48 || dpi > 960) return 1;
  return std::max(1.0F, std::round(dpi / 96 * 4) / 4);
}

}  // namespace

Result<std::unique_ptr<Window>> Window::open(const WindowOptions& options, const std::string& title) {
  std::unique_ptr<Window> made(new Window);
  if (options.is_offscreen) SDL_SetHint(SDL_HINT_VIDEODRIVER, "offscreen");
  SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
  SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
  const auto no_display = [&](std::string_view what) {
    return fail(
        fmt::format("there is no display to open a window on ({}: {}); 'ringside view FILE --screenshot "
                    "out.png' draws without one, and 'ringside show FILE' prints the crossings",
                    what, SDL_GetError()));
  };
  if (SDL_Init(SDL_INIT_VIDEO) != 0) return no_display("SDL");
  // Where it finds no display, SDL takes a driver that shows nothing.
  const std::string_view driver = SDL_GetCurrentVideoDriver();
  if (!options.is_offscreen && std::getenv("SDL_VIDEODRIVER") == nullptr &&
      (driver == "offscreen" || driver == "dummy")) {
    SDL_SetError("neither DISPLAY nor WAYLAND_DISPLAY leads to one");
    return no_display("SDL");
  }
  SDL_GL_SetAttribute(SDL_GL_CONTEXT_PROFILE_MASK, SDL_GL_CONTEXT_PROFILE_CORE);
  SDL_GL_SetAttribute(SDL_GL_CONTEXT_MAJOR_VERSION, 3);
  SDL_GL_SetAttribute(SDL_GL_CONTEXT_MINOR_VERSION, 3);
  SDL_GL_SetAttribute(SDL_GL_DOUBLEBUFFER, 1);
  unsigned flags = SDL_WINDOW_OPENGL | SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI;
  if (options.is_fullscreen) flags |= SDL_WINDOW_FULLSCREEN_DESKTOP;
  made->window_ = SDL_CreateWindow(title.c_str(), SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED,
                                   options.width, options.height, flags);
  if (made->window_ == nullptr) return no_display("window");
  made->context_ = SDL_GL_CreateContext(made->window_);
  if (made->context_ == nullptr) return no_display("OpenGL 3.3");
  if (SDL_GL_SetSwapInterval(-1) != 0) SDL_GL_SetSwapInterval(1);

  const auto find = [](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(SDL_GL_GetProcAddress(name));
    return function != nullptr;
  };
  const bool is_whole = find(made->clear_color_, "glClearColor") && find(made->clear_, "glClear") &&
                        find(made->viewport_, "glViewport") && find(made->scissor_, "glScissor") &&
                        find(made->enable_, "glEnable") && find(made->read_pixels_, "glReadPixels") &&
                        find(made->pixel_store_, "glPixelStorei");
  if (!is_whole) return no_display("OpenGL's functions");

  ImGui::CreateContext();
  made->has_imgui_ = true;
  ImGuiIO& io = ImGui::GetIO();
  io.IniFilename = nullptr;
  io.BackendPlatformName = "ringside";
  io.GetClipboardTextFn = clipboard_text;
  io.SetClipboardTextFn = [](void*, const char* text) { SDL_SetClipboardText(text); };
  for (const auto& [imgui, sdl] : kKeys) io.KeyMap[imgui] = sdl;
  ImGui_ImplOpenGL3_Init("#version 330");
  made->scale_ = options.scale > 0 ? options.scale : options.is_offscreen ? 1 : scale_of_display();
  SDL_StartTextInput();
  return made;
}

Window::~Window() {
  if (has_imgui_) {
    ImGui_ImplOpenGL3_Shutdown();
    ImGui::DestroyContext();
  }
  if (context_ != nullptr) SDL_GL_DeleteContext(context_);
  if (window_ != nullptr) SDL_DestroyWindow(window_);
  SDL_Quit();
}

int Window::width() const {
  int width = 0, height = 0;
  SDL_GetWindowSize(window_, &width, &height);
  return width;
}
int Window::height() const {
  int width = 0, height = 0;
  SDL_GetWindowSize(window_, &width, &height);
  return height;
}
int Window::drawable_width() const {
  int width = 0, height = 0;
  SDL_GL_GetDrawableSize(window_, &width, &height);
  return width;
}
int Window::drawable_height() const {
  int width = 0, height = 0;
  SDL_GL_GetDrawableSize(window_, &width, &height);
  return height;
}

void Window::set_title(const std::string& title) { SDL_SetWindowTitle(window_, title.c_str()); }

void Window::toggle_fullscreen() {
  const bool is_full = (SDL_GetWindowFlags(window_) & SDL_WINDOW_FULLSCREEN_DESKTOP) != 0;
  SDL_SetWindowFullscreen(window_, is_full ? 0 : SDL_WINDOW_FULLSCREEN_DESKTOP);
}

void Window::set_text_size(float size) {
  if (size == text_size_) return;
  text_size_ = size;
  const float pixels = static_cast<float>(drawable_width()) / static_cast<float>(std::max(width(), 1));
  fonts_.load(size, pixels);
  ImGui_ImplOpenGL3_DestroyFontsTexture();
  ImGui_ImplOpenGL3_CreateFontsTexture();
}

// From events alone, and not from what SDL says of the devices: a test's events are as good as a person's.
void Window::give(const SDL_Event& event) {
  ImGuiIO& io = ImGui::GetIO();
  switch (event.type) {
    case SDL_MOUSEMOTION:
      io.MousePos = {static_cast<float>(event.motion.x), static_cast<float>(event.motion.y)};
      break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP:
      io.MousePos = {static_cast<float>(event.button.x), static_cast<float>(event.button.y)};
      if (event.type == SDL_MOUSEBUTTONDOWN) {
        io.MouseDown[button_of(event.button.button)] = true;
      } else {
        let_go_.push_back(&io.MouseDown[button_of(event.button.button)]);
      }
      SDL_CaptureMouse(event.type == SDL_MOUSEBUTTONDOWN ? SDL_TRUE : SDL_FALSE);
      break;
    case SDL_MOUSEWHEEL:
      io.MouseWheel += event.wheel.preciseY;
      io.MouseWheelH += event.wheel.preciseX;
      break;
    case SDL_TEXTINPUT: io.AddInputCharactersUTF8(event.text.text); break;
    case SDL_KEYDOWN:
    case SDL_KEYUP:
      if (const auto code = static_cast<size_t>(event.key.keysym.scancode); code < std::size(io.KeysDown)) {
        if (event.type == SDL_KEYDOWN) io.KeysDown[code] = true;
        if (event.type == SDL_KEYUP) let_go_.push_back(&io.KeysDown[code]);
      }
      io.KeyShift = (event.key.keysym.mod & KMOD_SHIFT) != 0;
      io.KeyCtrl = (event.key.keysym.mod & KMOD_CTRL) != 0;
      io.KeyAlt = (event.key.keysym.mod & KMOD_ALT) != 0;
      break;
    case SDL_WINDOWEVENT:
      if (event.window.event == SDL_WINDOWEVENT_LEAVE) io.MousePos = {-1, -1};
      if (event.window.event == SDL_WINDOWEVENT_FOCUS_LOST)
        std::fill_n(io.KeysDown, std::size(io.KeysDown), false);
      break;
    default: break;
  }
}

void Window::begin_frame(double seconds, const Theme& theme) {
  set_text_size(theme.text_size);
  wanted.clear();
  ImGuiIO& io = ImGui::GetIO();
  io.DisplaySize = {static_cast<float>(width()), static_cast<float>(height())};
  io.DisplayFramebufferScale = {static_cast<float>(drawable_width()) / std::max(io.DisplaySize.x, 1.0F),
                                static_cast<float>(drawable_height()) / std::max(io.DisplaySize.y, 1.0F)};
  io.DeltaTime = static_cast<float>(std::clamp(seconds, 1e-4, 1.0));
  ImGui_ImplOpenGL3_NewFrame();
  ImGui::NewFrame();
  // What went down and up between two frames has been seen down in this one.
  for (bool* const key : let_go_) *key = false;
  let_go_.clear();
}

void Window::end_frame(const Theme& theme, bool show) {
  ImGui::Render();
  viewport_(0, 0, drawable_width(), drawable_height());
  clear_color_(static_cast<float>(theme.window.r) / 255, static_cast<float>(theme.window.g) / 255,
               static_cast<float>(theme.window.b) / 255, 1);
  clear_(kColorBufferBit);
  ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
  if (show) SDL_GL_SwapWindow(window_);
}

// Within a frame's rendering, whose scissor is on, and is set anew for each thing that is drawn.
void Window::clear(Rect area, Color color) {
  const float scale = static_cast<float>(drawable_width()) / static_cast<float>(std::max(width(), 1));
  const auto pixel = [scale](float at) { return static_cast<int>(std::round(at * scale)); };
  const int left = pixel(area.x), top = pixel(area.y), right = pixel(area.right()),
            bottom = pixel(area.bottom());
  enable_(kScissorTest);
  scissor_(left, drawable_height() - bottom, right - left, bottom - top);
  clear_color_(static_cast<float>(color.r) / 255, static_cast<float>(color.g) / 255,
               static_cast<float>(color.b) / 255, 1);
  clear_(kColorBufferBit);
}

std::vector<uint8_t> Window::read_pixels() {
  const auto w = static_cast<size_t>(drawable_width()), h = static_cast<size_t>(drawable_height());
  std::vector<uint8_t> upside_down(w * h * 3), pixels(w * h * 3);
  pixel_store_(kPackAlignment, 1);
  read_pixels_(0, 0, static_cast<int>(w), static_cast<int>(h), kRgb, kUnsignedByte, upside_down.data());
  for (size_t y = 0; y < h; ++y)
    std::copy_n(upside_down.begin() + static_cast<ptrdiff_t>((h - 1 - y) * w * 3), w * 3,
                pixels.begin() + static_cast<ptrdiff_t>(y * w * 3));
  return pixels;
}

}  // namespace ringside::viewer
