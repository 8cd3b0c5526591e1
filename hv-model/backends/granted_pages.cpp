#include "hv-model/backends/granted_pages.h"

#include <utility>

#include "hv-model/xen_abi.h"

namespace ringside {

namespace {
constexpr DomainId kBackendDomain{0};
}

tl::expected<GrantedPages, GrantedPages::Refusal> GrantedPages::map(Grants& grants, const Memory& memory,
                                                                    DomainId frontend,
                                                                    std::span<const GrantRef> references,
                                                                    bool read_only) {
  GrantedPages mapped;
  mapped.grants_ = &grants;
  mapped.pages_.reserve(references.size());
  for (size_t i = 0; i < references.size(); ++i) {
    const auto page = grants.map(kBackendDomain, frontend, references[i], read_only);
    if (!page) return tl::unexpected(Refusal{i, page.error()});
    mapped.pages_.push_back(*page);
    if (!memory.contains(page->frame)) return tl::unexpected(Refusal{i, GNTST_bad_page});
  }
  return mapped;
}

GrantedPages::GrantedPages(GrantedPages&& other) noexcept
    : grants_(other.grants_), pages_(std::exchange(other.pages_, {})) {}

GrantedPages& GrantedPages::operator=(GrantedPages&& other) noexcept {
  if (this == &other) return *this;
  unmap();
  grants_ = other.grants_;
  pages_ = std::exchange(other.pages_, {});
  return *this;
}

void GrantedPages::unmap() {
  for (const Grants::Mapped& page : pages_) (void)grants_->unmap(kBackendDomain, page.handle);
  pages_.clear();
}

}  // namespace ringside
