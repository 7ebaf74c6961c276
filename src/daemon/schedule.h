#ifndef DAEMON_SCHEDULE_H
#define DAEMON_SCHEDULE_H
struct schedule {
	int x;
};
#endif
