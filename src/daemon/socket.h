/*
 * socket.h - where the control socket is, and that only its owner is at the
 * other end.
 *
 * There is one for each state directory. It lies in the runtime directory:
 * $RUNTIME_DIRECTORY, else $XDG_RUNTIME_DIR/postrider (made, 0700), else for
 * root /run/postrider (made, 0700); its name there is made from the state
 * directory, and "control" in the state directory is a symbolic link to it.
 * So whoever knows the state directory finds it, whatever his environment.
 * Where there is no runtime directory that is ours alone to write to, the
 * socket itself is that "control". A path may be longer than an address of a
 * socket (sun_path).
 */
#ifndef DAEMON_SOCKET_H
#define DAEMON_SOCKET_H

#include "base/clock.h"
#include "base/error.h"

#include <stdbool.h>

struct socket_place {
	char *path; /* owned; the socket */
	char *link; /* owned; or NULL: `path` is in the state directory */
};

/*
 * socket_listen - make the socket (0600) and listen. What an earlier process
 * has left there is replaced: call it with the ledger's lock in hand.
 * Returns a descriptor (non-blocking), or -1 with ERR_SYSTEM.
 * socket_remove - take both away again; frees the paths.
 */
int
socket_listen(const char *state, struct socket_place *place, struct error *e);
void socket_remove(struct socket_place *place);

/*
 * socket_connect - to whoever listens for that state directory. Returns a
 * descriptor (non-blocking), or -1 with ERR_CONNECT: nobody does,
 * ERR_TIMEOUT, ERR_REFUSED: it is not for us, or not from us, ERR_SYSTEM.
 */
int socket_connect(const char *state, struct deadline until, struct error *e);

/*
 * socket_folder - the runtime directory (made if it is missing), where a daemon's
 * socket will be, owned by the caller. NULL: it will be in the state directory.
 */
char *socket_folder(void);

/* socket_is_owner - is the peer of this socket root, or who we are? */
bool socket_is_owner(int fd);

#endif
