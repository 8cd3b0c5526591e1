#!/bin/bash
# Debian's own xenstored, run without a hypervisor, and our XenStore get the same seeded requests, 10,000 in each of two
# rounds (its default quotas, and tight ones), by sockets of domain 0 and by rings of three domains: every reply and
# every watch event is equal, byte for byte. xenstored/compare.cpp names what is left out.
# Cannot show: what xenstored does at the same time for two connections; each request is answered before the next.
source "$(dirname "$0")/common.sh" "$@"

xenstored=$(ls /usr/lib/xen-4.17/bin/xenstored "$build_dir/guests/xen/xenstored" 2>/dev/null | head -1)
if [[ -z $xenstored ]]; then
  echo "skipped: there is no xenstored 4.17; scripts/fetch-guests fetches it"
  exit 77
fi
programs=$build_dir/tests/system/xenstored
for seed in 1 2; do
  expect 0 "$programs/xenstored_compare" "$xenstored" "$programs/libxenstored_hypervisor.so" 10000 "$seed"
  says out "defaults: 10000 steps"
  says out "tight quotas: 10000 steps"
done
finish
