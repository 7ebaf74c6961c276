#include "config/table.h"

#include "base/text.h"
#include "net/endpoint.h"
#include "poll/account.h"
#include "sasl/sasl.h"

#include <string.h>

#define MINUTE 60
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MANY 1000000000

static const struct choice tls_choices[] = {
	{ "implicit", TLS_IMPLICIT },
	{ "starttls", TLS_STARTTLS },
	{ "none", TLS_NONE },
	{ NULL, 0 },
};

static const struct choice pop3_auth_choices[] = {
	{ "auto", AUTH_AUTO },
	{ "user", AUTH_USER },
	{ "plain", AUTH_PLAIN },
	{ "login", AUTH_LOGIN },
	{ NULL, 0 },
};

static const struct choice smtp_auth_choices[] = {
	{ "auto", AUTH_AUTO },
	{ "plain", AUTH_PLAIN },
	{ "login", AUTH_LOGIN },
	{ NULL, 0 },
};

static const struct choice eightbit_choices[] = {
	{ "send", false },
	{ "hold", true },
	{ NULL, 0 },
};

static const struct choice in_doubt_choices[] = {
	{ "resend", false },
	{ "hold", true },
	{ NULL, 0 },
};

static const struct choice on_reject_choices[] = {
	{ "hold", REJECT_HOLD },
	{ "bounce", REJECT_BOUNCE },
	{ "postmaster", REJECT_POSTMASTER },
	{ "drop", REJECT_DROP },
	{ NULL, 0 },
};

static const struct choice pipelining_choices[] = {
	{ "auto", PIPELINING_AUTO },
	{ "yes", PIPELINING_YES },
	{ "no", PIPELINING_NO },
	{ NULL, 0 },
};

const struct setting settings_table[] = {
	{
	    .section = SECTION_GLOBAL,
	    .name = "state",
	    .type = TYPE_PATH,
	    .fallback = "$STATE_DIRECTORY; /var/lib/postrider for root; "
			"else ~/.local/state/postrider",
	    .sample = "~/.local/state/postrider",
	    .help = "The folder of the ledger.",
	    .more =
		"The ledger knows which messages were delivered. It is made "
		"when it is not there yet, readable by its owner only. The "
		"option --state of the command line goes before this setting.",
	},
	{
	    .section = SECTION_GLOBAL,
	    .name = "log",
	    .type = TYPE_LOG,
	    .initial = "stderr",
	    .help = "Where the program that keeps running writes its log.",
	    .more =
		"\"stderr\": to standard error, with levels where that is "
		"systemd's journal. \"syslog\": to the system log, as mail. A "
		"path: to that file, which is made readable by its owner only, "
		"and opened again by its name at a reload. What does not fit a "
		"full disk is missing there, counted, and no reason to stop. "
		"With -v it says more, with -q only errors. Other commands "
		"write to standard error whatever this says.",
	},
	{
	    .section = SECTION_GLOBAL,
	    .name = "run_as",
	    .type = TYPE_STRING,
	    .max = 255,
	    .fallback = "whoever starts it",
	    .sample = "postrider",
	    .help = "The user that the program becomes when root keeps it "
		    "running.",
	    .more =
		"\"USER\" or \"USER:GROUP\". That user has to be able to "
		"read the settings and the passwords, to write the state "
		"directory, and to make the log. Root's rights are never "
		"needed; without this setting there is a warning. It is not "
		"needed where the system starts the program as the right "
		"user, as systemd does.",
	},
	{
	    .section = SECTION_GLOBAL,
	    .name = "max_polls",
	    .type = TYPE_COUNT,
	    .min = 1,
	    .max = 10000,
	    .initial = "32",
	    .help = "At most this many mailboxes are polled at the same time.",
	    .more = "\"fetch\" polls so many, or fewer where the system allows "
		    "too few open files for that (ulimit -n; each needs about "
		    "ten). \"check\", \"list\" and \"plan\" look into one "
		    "mailbox after the other.",
	},
	{
	    .section = SECTION_GLOBAL,
	    .name = "max_polls_per_server",
	    .type = TYPE_COUNT,
	    .min = 1,
	    .max = 10000,
	    .initial = "4",
	    .help = "At most this many of them on one POP3 server.",
	    .more = "A server is a host and a port. While so many are polled "
		    "there, mailboxes of other servers get their turn.",
	},
	{
	    .section = SECTION_GLOBAL,
	    .name = "stop_timeout",
	    .type = TYPE_DURATION,
	    .min = 1,
	    .max = HOUR,
	    .initial = "30s",
	    .help = "How long the daemon may take to stop.",
	    .more = "Asked to stop, it begins nothing new, hears the answers "
		    "to what it has sent, and ends its sessions in order. "
		    "What has not ended by then is broken off; nothing is "
		    "lost by that.",
	},
	{
	    .section = SECTION_GLOBAL,
	    .name = "metrics",
	    .type = TYPE_LISTEN,
	    .min = 1,
	    .max = 65535,
	    .fallback = "off",
	    .sample = "127.0.0.1:9811",
	    .help = "Where a program that keeps running answers by HTTP.",
	    .more = "An address of this machine and a port; a port alone means "
		    "127.0.0.1. There /metrics tells how polls and deliveries "
		    "go, as Prometheus reads it, and /healthz says \"ok\", or "
		    "with status 503 what is wrong. Whoever can connect is "
		    "answered, without a password, and sees the names of "
		    "accounts: think twice before you name an address that "
		    "other machines can reach.",
	},
	{
	    .section = SECTION_GLOBAL,
	    .name = "confine",
	    .type = TYPE_BOOL,
	    .initial = "true",
	    .help = "Whether a program that keeps running confines itself.",
	    .more =
		"Where the kernel can (Landlock, seccomp), it then reads and "
		"writes only what the settings need, and starts no program: "
		"the commands that stand in the settings are run by a process "
		"that was started before. It may read the folders of the files "
		"that the settings name, with all that is in them, so keep "
		"passwords in a folder of their own. Settings that need a file "
		"in another folder take a restart.",
	},
	{
	    .section = SECTION_GLOBAL,
	    .name = "destinations",
	    .type = TYPE_SETTINGS,
	    .flags = SETTING_REQUIRED,
	    .sample = "{ home = { lmtp = \"/run/dovecot/lmtp\"; }; }",
	    .help =
		"Where mail goes: a group with one group for each destination.",
	    .more =
		"The name of a destination is the name of its group: a letter "
		"or \"*\", then letters, digits, \"-\", \"_\" and \"*\".",
	},
	{
	    .section = SECTION_GLOBAL,
	    .name = "defaults",
	    .type = TYPE_SETTINGS,
	    .sample = "{ recipient = \"ann\"; every = \"5m\"; }",
	    .help = "Settings for every account that does not have its own.",
	    .more = "A group that may hold every account setting but \"name\". "
		    "When "
		    "an account has a password, a password_file or a "
		    "password_command of its own, none of these three is taken "
		    "from here.",
	},
	{
	    .section = SECTION_GLOBAL,
	    .name = "accounts",
	    .type = TYPE_SETTINGS,
	    .sample = "( { name = \"isp\"; pop3 = \"pop.example.org\"; } )",
	    .help =
		"The mailboxes to fetch from: a list with one group for each.",
	    .more =
		"No comma may follow the last group. There must be one account "
		"at least, here or in \"accounts_dir\".",
	},
	{
	    .section = SECTION_GLOBAL,
	    .name = "accounts_dir",
	    .type = TYPE_PATH,
	    .sample = "accounts.d",
	    .help = "A folder with more accounts, each in a file NAME.conf.",
	    .more =
		"Each file whose name ends in .conf and does not begin with a "
		"dot holds one account, its settings at top level, without "
		"braces around them. The files are read in the order of their "
		"names. So a program can add and remove accounts without "
		"editing a file.",
	},

	{
	    .section = SECTION_ACCOUNT,
	    .name = "name",
	    .type = TYPE_NAME,
	    .flags = SETTING_REQUIRED | SETTING_LIVE,
	    .sample = "isp",
	    .help = "What the account is called, here and on the command line.",
	    .more = "The ledger knows the mailbox "
		    "by this name; when it changes, postrider asks what is "
		    "meant (--same-mailbox).",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "pop3",
	    .type = TYPE_HOST,
	    .flags = SETTING_REQUIRED | SETTING_IN_DEFAULTS | SETTING_LIVE,
	    .sample = "pop.example.org",
	    .help = "The POP3 server: a host name or an address.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "port",
	    .type = TYPE_PORT,
	    .flags = SETTING_IN_DEFAULTS,
	    .min = 1,
	    .max = 65535,
	    .fallback = "995; 110 with tls = \"starttls\" or \"none\"",
	    .sample = "995",
	    .help = "The POP3 server's port.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "tls",
	    .type = TYPE_CHOICE,
	    .flags = SETTING_IN_DEFAULTS,
	    .choices = tls_choices,
	    .initial = "implicit",
	    .help = "How the connection is protected.",
	    .more =
		"\"implicit\": TLS from the first octet. \"starttls\": by the "
		"command STLS, without which nothing is sent. \"none\": in "
		"clear, "
		"only to this very machine, or with allow_cleartext = true. "
		"The "
		"server's certificate is always verified.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "auth",
	    .type = TYPE_CHOICE,
	    .flags = SETTING_IN_DEFAULTS,
	    .choices = pop3_auth_choices,
	    .initial = "auto",
	    .help = "How to log in.",
	    .more = "\"auto\": the best that the server offers. \"user\": the "
		    "commands "
		    "USER and PASS. \"plain\", \"login\": the command AUTH "
		    "with that "
		    "mechanism.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "user",
	    .type = TYPE_STRING,
	    .flags = SETTING_REQUIRED | SETTING_IN_DEFAULTS | SETTING_LIVE,
	    .max = 255,
	    .sample = "ann@example.org",
	    .help = "The name to log in with; often the whole address.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "password",
	    .type = TYPE_STRING,
	    .flags = SETTING_IN_DEFAULTS | SETTING_SECRET | SETTING_PASSWORD,
	    .max = 1024,
	    .sample = "secret",
	    .help = "The password itself; the file must then be private.",
	    .more =
		"The file that it stands in must belong to you or to root and "
		"be open to nobody else (chmod 600). See SECRETS for other "
		"places.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "password_file",
	    .type = TYPE_PATH,
	    .flags = SETTING_IN_DEFAULTS | SETTING_PASSWORD | SETTING_FILE,
	    .sample = "~/.secrets/isp",
	    .help = "A private file whose first line is the password.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "password_command",
	    .type = TYPE_STRING,
	    .flags = SETTING_IN_DEFAULTS | SETTING_PASSWORD | SETTING_LIVE,
	    .max = 4096,
	    .sample = "pass show mail/isp",
	    .help =
		"A shell command that prints the password as its first line.",
	    .more = "It is run at each poll. Several run at the same time when "
		    "several mailboxes are polled, but on a terminal one after "
		    "the other, since each may ask something there.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "ca_file",
	    .type = TYPE_PATH,
	    .flags = SETTING_IN_DEFAULTS | SETTING_FILE,
	    .fallback = "the system's certificates",
	    .sample = "/etc/ssl/certs/own-ca.pem",
	    .help =
		"Trust the certificates in this file instead of the system's.",
	    .more =
		"In PEM format. For a server with a certificate that it signed "
		"itself, that certificate.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "allow_cleartext",
	    .type = TYPE_BOOL,
	    .flags = SETTING_IN_DEFAULTS,
	    .initial = "false",
	    .help = "Allow tls = \"none\" to other machines.",
	    .more =
		"Everybody on the way can then read the password and the mail.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "timeout",
	    .type = TYPE_DURATION,
	    .flags = SETTING_IN_DEFAULTS,
	    .min = 1,
	    .max = HOUR,
	    .initial = "60s",
	    .help = "How long the server may stay silent.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "destination",
	    .type = TYPE_STRING,
	    .flags = SETTING_REQUIRED | SETTING_IN_DEFAULTS,
	    .max = 255,
	    .fallback = "the only destination, where there is one only",
	    .sample = "home",
	    .help = "Which of the destinations the mail goes to.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "recipient",
	    .type = TYPE_RECIPIENTS,
	    .flags = SETTING_REQUIRED | SETTING_IN_DEFAULTS | SETTING_LIVE,
	    .sample = "ann",
	    .help = "Who gets the mail: an address, or a list of them.",
	    .more =
		"Every message of the mailbox goes to every one of them; the "
		"headers of a message have no say in it. A local part alone "
		"will do where the destination accepts it.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "after_delivery",
	    .type = TYPE_AFTER_DELIVERY,
	    .flags = SETTING_IN_DEFAULTS,
	    .min = 1,
	    .max = 3650LL * DAY,
	    .initial = "keep",
	    .help = "What becomes of a delivered message in the mailbox.",
	    .more =
		"\"keep\": it stays there. \"delete\": it is deleted once "
		"every "
		"recipient's delivery is recorded on disk. \"keep 14d\": it is "
		"deleted that long after its delivery.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "delete_seen",
	    .type = TYPE_BOOL,
	    .flags = SETTING_IN_DEFAULTS,
	    .initial = "false",
	    .help = "Delete what counts as seen, too, as after_delivery says.",
	    .more =
		"What another program has fetched (postrider import), or was "
		"there before the first poll or a baseline, was not delivered "
		"by postrider, which therefore leaves it alone. \"true\": it "
		"is deleted as if it had been delivered when it became seen.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "first_poll",
	    .type = TYPE_FIRST_POLL,
	    .flags = SETTING_IN_DEFAULTS,
	    .min = 1,
	    .max = 3650LL * DAY,
	    .initial = "all",
	    .help = "What to take of the mail that is there at the first poll.",
	    .more = "\"all\" of it; \"none\": what is there counts as seen and "
		    "stays; "
		    "\"since 7d\": what arrived that recently; \"last 100\": "
		    "the newest "
		    "hundred messages. \"since\" looks at the header of "
		    "each message, and has to read the whole of it where the "
		    "server shows no header alone (TOP).",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "fetch_limit",
	    .type = TYPE_COUNT,
	    .flags = SETTING_IN_DEFAULTS,
	    .min = 0,
	    .max = MANY,
	    .initial = "0",
	    .help = "How many messages one poll takes at most; 0: no limit.",
	    .more = "The others wait for the next poll.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "max_size",
	    .type = TYPE_SIZE,
	    .flags = SETTING_IN_DEFAULTS,
	    .min = 0,
	    .max = (int64_t)1 << 40,
	    .initial = "0",
	    .help =
		"Messages larger than this are held, not fetched; 0: no limit.",
	    .more = "What is held stays in the mailbox until you "
		    "decide (postrider held). Without a limit, a message that "
		    "goes on 64 MiB beyond four times what the mailbox lists "
		    "is taken for one without end, and held.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "every",
	    .type = TYPE_EVERY,
	    .flags = SETTING_IN_DEFAULTS,
	    .min = 10,
	    .max = 30 * DAY,
	    .initial = "5m",
	    .help =
		"The time between two polls of a program that keeps running.",
	    .more =
		"It varies by ten per cent, so that accounts spread out; after "
		"failures it is longer, and it is never shorter than the "
		"server asks for (LOGIN-DELAY, RFC 2449). "
		"\"auto\": by when mail has come so far, as to the hour of the "
		"week and to how long ago the last was, between \"every_min\" "
		"and \"every_max\". On average it is then the geometric mean "
		"of these (8 minutes for 1 and 60), and longer where little "
		"mail comes: not more than 48 polls for a message. Mail that "
		"comes in bursts waits at most half as long as with as many "
		"polls at equal intervals. "
		"The command fetch polls at once, whatever this says.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "every_min",
	    .type = TYPE_DURATION,
	    .flags = SETTING_IN_DEFAULTS,
	    .min = 10,
	    .max = DAY,
	    .initial = "1m",
	    .help = "The shortest time between two polls, with every = "
		    "\"auto\".",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "every_max",
	    .type = TYPE_DURATION,
	    .flags = SETTING_IN_DEFAULTS,
	    .min = 10,
	    .max = DAY,
	    .initial = "1h",
	    .help = "The longest time between two polls, with every = "
		    "\"auto\".",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "pipelining",
	    .type = TYPE_CHOICE,
	    .flags = SETTING_IN_DEFAULTS,
	    .choices = pipelining_choices,
	    .initial = "auto",
	    .help = "Whether POP3 commands are sent ahead of their answers.",
	    .more =
		"It saves a round trip for each message. \"auto\": where the "
		"server offers it (PIPELINING, RFC 2449); a server that breaks "
		"under it is treated with care from then on, and tried again "
		"after 30 days. \"yes\": whatever it offers. \"no\": never.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "ordered",
	    .type = TYPE_BOOL,
	    .flags = SETTING_IN_DEFAULTS,
	    .initial = "false",
	    .help = "Whether each message waits until the one before is done.",
	    .more =
		"Otherwise messages of one mailbox travel side by side, and "
		"may arrive in another order than they lie in it. In order "
		"they take longer: one or more round trips for each. One that "
		"is refused for now keeps none behind it waiting, and comes "
		"later.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "in_doubt",
	    .type = TYPE_CHOICE,
	    .flags = SETTING_IN_DEFAULTS,
	    .choices = in_doubt_choices,
	    .initial = "resend",
	    .help =
		"What to do when nobody can know whether a message arrived.",
	    .more =
		"That is so when the connection or the program ended after the "
		"end of a message was sent and before its reply was recorded "
		"(RFC 1047). \"resend\": it is sent again, three times at "
		"most, and may arrive more than once. "
		"\"hold\": it waits until you decide (postrider held).",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "on_reject",
	    .type = TYPE_CHOICE,
	    .flags = SETTING_IN_DEFAULTS,
	    .choices = on_reject_choices,
	    .initial = "hold",
	    .help = "What to do with a message that is refused for good.",
	    .more =
		"\"hold\": it waits in the mailbox until you decide "
		"(postrider held). \"bounce\": its sender gets a delivery "
		"status notification (RFC 3464); bounces, automatic answers, "
		"mail of lists and of unknown senders are held all the same. "
		"Senders are often forged: this sends mail to people who "
		"wrote none. \"postmaster\": the addresses in "
		"\"postmaster\" get the message with the reason. \"drop\": "
		"nobody is told. After each of the last three, and not before "
		"the report has been accepted, the message is treated as "
		"delivered, and deleted where \"after_delivery\" says so. "
		"A message larger than the destination says it takes, or "
		"with an address that it says it cannot take, counts as "
		"refused; so does what was refused for now for five days, but "
		"that is not dropped. Held in any case are mail loops, what "
		"\"max_size\", \"in_doubt\" or \"eightbit\" holds, and "
		"messages whose report is refused for good itself.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "postmaster",
	    .type = TYPE_RECIPIENTS,
	    .flags = SETTING_IN_DEFAULTS,
	    .fallback = "nobody; on_reject = \"postmaster\" needs one",
	    .sample = "postmaster@example.org",
	    .help = "Who is told when on_reject is \"postmaster\".",
	    .more = "Of several addresses it is enough that one takes the "
		    "report; those that do not are warned of.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "report_via",
	    .type = TYPE_STRING,
	    .flags = SETTING_IN_DEFAULTS,
	    .max = 255,
	    .fallback = "the account's destination",
	    .sample = "relay",
	    .help = "Which of the destinations takes what on_reject sends.",
	    .more = "A bounce goes out to the world: it needs a server that "
		    "passes mail on, which one reached by LMTP does not.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "on_mail",
	    .type = TYPE_STRING,
	    .flags = SETTING_IN_DEFAULTS,
	    .max = 4096,
	    .sample = "notify-send \"$POSTRIDER_DELIVERED new\"",
	    .help = "A shell command to be run when mail has been delivered.",
	    .more =
		"By a program that keeps running, after the poll, which does "
		"not wait for it. The commands of one account are run one "
		"after the other. What they find in their environment is told "
		"in COMMANDS.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "on_error",
	    .type = TYPE_STRING,
	    .flags = SETTING_IN_DEFAULTS,
	    .max = 4096,
	    .sample = "logger -t mail \"$POSTRIDER_ERROR\"",
	    .help = "A shell command to be run when a poll has failed.",
	    .more =
		"Also when it has held a message. Otherwise as \"on_mail\".",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "hook_timeout",
	    .type = TYPE_DURATION,
	    .flags = SETTING_IN_DEFAULTS,
	    .min = 1,
	    .max = HOUR,
	    .initial = "60s",
	    .help = "How long each of on_mail and on_error may take.",
	    .more = "Then it is ended, and that is logged.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "alert",
	    .type = TYPE_RECIPIENTS,
	    .flags = SETTING_IN_DEFAULTS,
	    .fallback = "nobody",
	    .sample = "ann@example.org",
	    .help = "Who gets a mail when the account needs its owner.",
	    .more =
		"From a program that keeps running: when a password was "
		"refused, when a message is held, and when the account has "
		"failed for as long as alert_after says. Once, also over a "
		"restart, and once more when it is well again. Accounts with "
		"the same \"alert\" and \"alert_via\" share a mail when they "
		"fail at the same time; at most six an hour are sent there, "
		"and then one sums up.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "alert_via",
	    .type = TYPE_STRING,
	    .flags = SETTING_IN_DEFAULTS,
	    .max = 255,
	    .fallback = "the account's destination",
	    .sample = "relay",
	    .help = "Which of the destinations takes what alert sends.",
	    .more = "While that takes nothing, it is tried again. Only by "
		    "another destination than the account's can you hear that "
		    "the account's is down.",
	},
	{
	    .section = SECTION_ACCOUNT,
	    .name = "alert_after",
	    .type = TYPE_DURATION,
	    .flags = SETTING_IN_DEFAULTS,
	    .min = MINUTE,
	    .max = 365 * DAY,
	    .initial = "1d",
	    .help = "For how long an account has to fail before alert is told.",
	    .more = "Also for how long its destination has to be down.",
	},

	{
	    .section = SECTION_DESTINATION,
	    .name = "smtp",
	    .type = TYPE_HOST,
	    .flags = SETTING_LIVE,
	    .sample = "smtp.example.org",
	    .help = "The SMTP server: a host name or an address.",
	    .more = "A destination has either this or \"lmtp\".",
	},
	{
	    .section = SECTION_DESTINATION,
	    .name = "lmtp",
	    .type = TYPE_HOST_OR_SOCKET,
	    .sample = "/run/dovecot/lmtp",
	    .help = "The LMTP server: the path of a unix socket, or a host.",
	    .more = "A value that begins with \"/\" is a path. A host needs a "
		    "\"port\", since LMTP has none of its own.",
	},
	{
	    .section = SECTION_DESTINATION,
	    .name = "port",
	    .type = TYPE_PORT,
	    .min = 1,
	    .max = 65535,
	    .fallback = "25; 465 with a user; LMTP over TCP has none",
	    .sample = "587",
	    .help = "The server's port.",
	    .more =
		"SMTP with a user: 465, or 587 when tls is given and is not "
		"\"implicit\". Without a user: 25, or 465 when tls = "
		"\"implicit\" is given. LMTP over TCP must name its port.",
	},
	{
	    .section = SECTION_DESTINATION,
	    .name = "tls",
	    .type = TYPE_CHOICE,
	    .choices = tls_choices,
	    .fallback =
		"\"implicit\" on port 465; \"none\" on this very machine; "
		"else \"starttls\"",
	    .sample = "starttls",
	    .help = "How the connection is protected.",
	    .more =
		"\"implicit\": TLS from the first octet. \"starttls\": by the "
		"command STARTTLS, without which nothing is sent. \"none\": in "
		"clear, only to this very machine (localhost, 127.*, ::1, a "
		"unix "
		"socket), or with allow_cleartext = true. The server's "
		"certificate is always verified.",
	},
	{
	    .section = SECTION_DESTINATION,
	    .name = "auth",
	    .type = TYPE_CHOICE,
	    .choices = smtp_auth_choices,
	    .initial = "auto",
	    .help = "How to log in, when there is a user.",
	    .more = "\"auto\": the best that the server offers. \"plain\", "
		    "\"login\": "
		    "that mechanism.",
	},
	{
	    .section = SECTION_DESTINATION,
	    .name = "user",
	    .type = TYPE_STRING,
	    .flags = SETTING_LIVE,
	    .max = 255,
	    .fallback = "do not log in",
	    .sample = "ann",
	    .help = "The name to log in with.",
	},
	{
	    .section = SECTION_DESTINATION,
	    .name = "password",
	    .type = TYPE_STRING,
	    .flags = SETTING_SECRET | SETTING_PASSWORD,
	    .max = 1024,
	    .sample = "secret",
	    .help = "The password itself; the file must then be private.",
	    .more = "As for an account.",
	},
	{
	    .section = SECTION_DESTINATION,
	    .name = "password_file",
	    .type = TYPE_PATH,
	    .flags = SETTING_PASSWORD | SETTING_FILE,
	    .sample = "~/.secrets/smtp",
	    .help = "A private file whose first line is the password.",
	},
	{
	    .section = SECTION_DESTINATION,
	    .name = "password_command",
	    .type = TYPE_STRING,
	    .flags = SETTING_PASSWORD | SETTING_LIVE,
	    .max = 4096,
	    .sample = "pass show mail/smtp",
	    .help =
		"A shell command that prints the password as its first line.",
	},
	{
	    .section = SECTION_DESTINATION,
	    .name = "ca_file",
	    .type = TYPE_PATH,
	    .flags = SETTING_FILE,
	    .fallback = "the system's certificates",
	    .sample = "/etc/ssl/certs/own-ca.pem",
	    .help =
		"Trust the certificates in this file instead of the system's.",
	    .more = "In PEM format.",
	},
	{
	    .section = SECTION_DESTINATION,
	    .name = "allow_cleartext",
	    .type = TYPE_BOOL,
	    .initial = "false",
	    .help = "Allow tls = \"none\" to other machines.",
	    .more =
		"Everybody on the way can then read the password and the mail.",
	},
	{
	    .section = SECTION_DESTINATION,
	    .name = "timeout",
	    .type = TYPE_DURATION,
	    .min = 1,
	    .max = HOUR,
	    .initial = "60s",
	    .help = "How long the server may stay silent.",
	},
	{
	    .section = SECTION_DESTINATION,
	    .name = "reply_timeout",
	    .type = TYPE_DURATION,
	    .min = 1,
	    .max = HOUR,
	    .initial = "10m",
	    .help = "How long the reply to the end of a message may take.",
	    .more = "Who gives up early makes repeats: the server may have "
		    "taken the "
		    "message (RFC 5321, 4.5.3.2.6).",
	},
	{
	    .section = SECTION_DESTINATION,
	    .name = "connections",
	    .type = TYPE_COUNT,
	    .min = 1,
	    .max = 100,
	    .initial = "8",
	    .help = "How many connections to the server at once, at most.",
	    .more = "It begins with one, and opens more while mail waits and "
		    "more of them make it faster. All mailboxes share them; "
		    "one that is idle for half a minute is closed. A server "
		    "that refuses one keeps those that it has, and is not "
		    "asked again for a minute. Large messages leave one "
		    "connection to the others; with 1, they take turns.",
	},
	{
	    .section = SECTION_DESTINATION,
	    .name = "max_messages",
	    .type = TYPE_COUNT,
	    .min = 0,
	    .max = MANY,
	    .initial = "0",
	    .help = "How many messages on one connection; 0: no limit.",
	    .more = "Then it is closed, and another one opened if there is "
		    "more. Some servers refuse more than a hundred or so.",
	},
	{
	    .section = SECTION_DESTINATION,
	    .name = "eightbit",
	    .type = TYPE_CHOICE,
	    .choices = eightbit_choices,
	    .initial = "send",
	    .help = "What to do with 8-bit content that the server does not "
		    "ask for.",
	    .more = "Nearly all servers offer 8BITMIME (RFC 6152), and those "
		    "that do not nearly always pass such content all the same. "
		    "\"hold\": it waits until you decide (postrider held).",
	},
	{
	    .section = SECTION_DESTINATION,
	    .name = "helo",
	    .type = TYPE_STRING,
	    .max = 255,
	    .fallback = "this machine's name",
	    .sample = "mail.example.org",
	    .help = "The name to greet the server with.",
	    .more = "A host name, or an address in brackets.",
	},
};

const size_t settings_table_len =
    sizeof settings_table / sizeof settings_table[0];

const struct setting *
table_section(enum section section, size_t *count)
{
	size_t first = 0, end;

	while (settings_table[first].section != section)
		first++;
	for (end = first; end < settings_table_len; end++)
		if (settings_table[end].section != section)
			break;
	*count = end - first;
	return settings_table + first;
}

const struct setting *
table_find(enum section section, const char *name)
{
	size_t count;
	const struct setting *rows = table_section(section, &count);

	/* It is asked for each setting of thousands of accounts. */
	for (size_t i = 0; i < count; i++)
		if (rows[i].name[0] == name[0] &&
		    strcmp(rows[i].name, name) == 0)
			return rows + i;
	return NULL;
}

const char *
table_nearest(enum section section, const char *word)
{
	const char *names[sizeof settings_table / sizeof settings_table[0] + 1];
	size_t count;
	const struct setting *rows = table_section(section, &count);

	for (size_t i = 0; i < count; i++)
		names[i] = rows[i].name;
	names[count] = NULL;
	return text_nearest(word, names);
}

const char *
section_name(enum section section)
{
	switch (section) {
	case SECTION_ACCOUNT:
		return "account";
	case SECTION_DESTINATION:
		return "destination";
	case SECTION_GLOBAL:
		break;
	}
	return "global";
}

static void
expects_choice(const struct setting *setting, struct buffer *out)
{
	buffer_add_text(out, "one of");
	for (const struct choice *c = setting->choices; c->word != NULL; c++)
		buffer_addf(out, "%s \"%s\"", c == setting->choices ? "" : ",",
		    c->word);
}

void
table_expects(const struct setting *setting, struct buffer *out)
{
	const char *like =
	    setting->sample != NULL ? setting->sample : setting->initial;
	char min[TEXT_UNIT], max[TEXT_UNIT];

	switch (setting->type) {
	case TYPE_SETTINGS:
		buffer_addf(out, "like %s", like);
		break;
	case TYPE_NAME:
		buffer_add_text(out,
		    "a name in quotes, up to 64 printable ASCII "
		    "characters without blanks and \"/\", not "
		    "beginning with \"-\" or \".\"");
		break;
	case TYPE_STRING:
		buffer_addf(out,
		    "a text in quotes of 1 to %lld octets on one line",
		    (long long)setting->max);
		break;
	case TYPE_HOST:
		buffer_addf(
		    out, "a host name or address in quotes, like \"%s\"", like);
		break;
	case TYPE_HOST_OR_SOCKET:
		buffer_addf(out,
		    "a path or a host in quotes, like \"%s\" or \"localhost\"",
		    like);
		break;
	case TYPE_PATH:
		buffer_addf(out, "a path in quotes, like \"%s\"", like);
		break;
	case TYPE_LOG:
		buffer_add_text(out,
		    "\"stderr\", \"syslog\", or the path of a file, which "
		    "begins with \"/\" or \"~/\"");
		break;
	case TYPE_LISTEN:
		buffer_addf(out,
		    "an address and a port in quotes, like \"%s\" or "
		    "\"[::1]:9811\"",
		    like);
		break;
	case TYPE_PORT:
	case TYPE_COUNT:
		buffer_addf(out, "a whole number from %lld to %lld",
		    (long long)setting->min, (long long)setting->max);
		break;
	case TYPE_BOOL:
		buffer_add_text(out, "true or false, without quotes");
		break;
	case TYPE_DURATION:
		buffer_addf(out,
		    "a duration with its unit in quotes, from \"%s\" to \"%s\"",
		    text_from_duration(setting->min, min),
		    text_from_duration(setting->max, max));
		break;
	case TYPE_SIZE:
		buffer_addf(out,
		    "0, or a size with its unit in quotes, up to \"%s\"",
		    text_from_size((uint64_t)setting->max, max));
		break;
	case TYPE_CHOICE:
		expects_choice(setting, out);
		break;
	case TYPE_RECIPIENTS:
		buffer_add_text(out,
		    "an address in quotes, or some in brackets: "
		    "[ \"ann\", \"bob@example.org\" ]");
		break;
	case TYPE_AFTER_DELIVERY:
		buffer_add_text(out,
		    "\"keep\", \"delete\", or a time like "
		    "\"keep 14d\", from 1s to 3650d");
		break;
	case TYPE_FIRST_POLL:
		buffer_add_text(out,
		    "\"all\", \"none\", a time like \"since 7d\", "
		    "or a number like \"last 100\"");
		break;
	case TYPE_EVERY:
		buffer_addf(out,
		    "\"auto\", or a duration with its unit in quotes, from "
		    "\"%s\" to \"%s\"",
		    text_from_duration(setting->min, min),
		    text_from_duration(setting->max, max));
		break;
	}
}

bool
table_is_quoted(const struct setting *setting)
{
	return setting->type != TYPE_PORT && setting->type != TYPE_COUNT &&
	    setting->type != TYPE_BOOL && setting->type != TYPE_SETTINGS;
}
