/* Both runtimes are in one program on the host, beside the host's C library: here the functions of the one
 * for paravirtual domains get names of their own. Included by the compiler's command line. */
#pragma once

/* A program that is written for the runtime itself gives its own. */
#ifndef guest_main
#define guest_main hosted_xen_guest_main
#endif
#define option hosted_xen_option
#define option_number hosted_xen_option_number
#define guest_shutdown hosted_xen_guest_shutdown
#define guest_panic hosted_xen_guest_panic
#define print hosted_xen_print
#define start_info hosted_xen_start_info
#define allocate_page hosted_xen_allocate_page
#define frame_of hosted_xen_frame_of
#define address_of_frame hosted_xen_address_of_frame
#define map_frame hosted_xen_map_frame
#define frame_at hosted_xen_frame_at
#define pool_of_pages hosted_xen_pool_of_pages
#define pool_page_count hosted_xen_pool_page_count
#define grant_page hosted_xen_grant_page
#define grant_page_to hosted_xen_grant_page_to
#define grants_left hosted_xen_grants_left
#define end_grant hosted_xen_end_grant
#define revoke_grant hosted_xen_revoke_grant
#define grant_in_use hosted_xen_grant_in_use
#define bind_handler hosted_xen_bind_handler
#define try_bind_handler hosted_xen_try_bind_handler
#define notify hosted_xen_notify
#define try_notify hosted_xen_try_notify
#define allocate_port hosted_xen_allocate_port
#define close_port hosted_xen_close_port
#define wait_until hosted_xen_wait_until
#define wait_until_time hosted_xen_wait_until_time
#define lock_events hosted_xen_lock_events
#define unlock_events hosted_xen_unlock_events
#define system_time hosted_xen_system_time
#define xenstore_read hosted_xen_xenstore_read
#define xenstore_write hosted_xen_xenstore_write
#define xenstore_watch hosted_xen_xenstore_watch
#define xenstore_request hosted_xen_xenstore_request
#define xenstore_events hosted_xen_xenstore_events
#define xenstore_wait_for_watch hosted_xen_xenstore_wait_for_watch
#define xenstore_wait_for_watch_until hosted_xen_xenstore_wait_for_watch_until
#define xenbus_read hosted_xen_xenbus_read
#define xenbus_write_number hosted_xen_xenbus_write_number
#define xenbus_switch_state hosted_xen_xenbus_switch_state
#define xenbus_wait_for_backend hosted_xen_xenbus_wait_for_backend
#define xenbus_backend_state hosted_xen_xenbus_backend_state
#define events_start hosted_xen_events_start
#define console_start hosted_xen_console_start
#define grants_start hosted_xen_grants_start
#define xenstore_start hosted_xen_xenstore_start
#define poll_ports hosted_xen_poll_ports
#define console_drain hosted_xen_console_drain
#define handle_events hosted_xen_handle_events
#define runtime_start hosted_xen_runtime_start
#define handle_trap hosted_xen_handle_trap
#define shared_info_page hosted_xen_shared_info_page
