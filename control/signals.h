// Signals of a machine's process. A request that arrives while the machine runs raises SIGIO; a client that
// is gone ends the process, wherever the machine may be.
#pragma once

namespace ringside {

void prepare_machine_signals();
// This process hears of what arrives on the socket, and of its end.
void watch_socket(int socket);
// Whether something has arrived since the last take_attention().
bool attention_wanted();
bool take_attention();

}  // namespace ringside
