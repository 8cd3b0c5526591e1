// Pages of the host, private and anonymous, so that fork() is a snapshot.
//
// A program that runs on the host's processor (machine/hosted/) sees addresses of the host, and may store
// some of them where the machine sees them: as the id of a request, for one. So what is made for it lies at
// the same addresses in every run, whatever the host's layout is; where the host refuses, anywhere.
#pragma once

#include <cstddef>

namespace ringside {

enum class HostPlace { anywhere, memory, stack };

// Zeroed; null when the host has not that much. munmap() gives them back.
void* map_host_pages(size_t bytes, HostPlace place);

}  // namespace ringside
