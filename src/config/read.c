#include "config/read.h"

#include "base/alloc.h"
#include "config/source.h"
#include "config/value.h"

#include <dirent.h>
#include <errno.h>
#include <libconfig.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct settings_memory *memory;
	struct problems *problems;
	struct source source; /* of the file being read */
};

static struct place
place_of(const struct reader *r, const config_setting_t *node)
{
	return source_place(&r->source, config_setting_source_line(node));
}

/* How the type of a node is called, for a person. */
static const char *
type_text(const config_setting_t *node)
{
	switch (config_setting_type(node)) {
	case CONFIG_TYPE_GROUP:
		return "a group { … }";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
	case CONFIG_TYPE_FLOAT:
		return "a number";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_STRING:
		return "a text in quotes";
	default:
		return "a list";
	}
}

/* Where a setting that does not belong here does belong, or NULL. */
static const char *
belongs(enum section here, const char *name)
{
	static const char *const where[SECTIONS] = {
		[SECTION_GLOBAL] = "at the top level",
		[SECTION_ACCOUNT] = "into an account or into defaults",
		[SECTION_DESTINATION] = "into a destination",
	};
	const struct setting *account = table_find(SECTION_ACCOUNT, name);

	if (account != NULL && here != SECTION_ACCOUNT &&
	    table_find(SECTION_DESTINATION, name) != NULL)
		return "into an account, defaults, or a destination";
	if (account != NULL && here != SECTION_ACCOUNT &&
	    !(account->flags & SETTING_IN_DEFAULTS))
		return "into an account";
	for (enum section s = 0; s < SECTIONS; s++)
		if (s != here && table_find(s, name) != NULL)
			return where[s];
	return NULL;
}

static void
unknown_setting(
    struct reader *r, struct scope *scope, const config_setting_t *node)
{
	const char *name = config_setting_name(node);
	const char *title = scope_title(r->memory, scope);
	const char *elsewhere = belongs(scope->section, name);
	const char *nearest = table_nearest(scope->section, name);

	/* What is misspelt is not missing too. */
	if (nearest != NULL && elsewhere == NULL)
		scope_change(r->memory, scope, nearest)->bad = true;

	if (elsewhere != NULL)
		problem_add(r->problems, place_of(r, node),
		    "%s\"%s\" does not belong here, but %s%s%s%s", title, name,
		    elsewhere, nearest != NULL ? "; or did you mean \"" : "",
		    nearest != NULL ? nearest : "",
		    nearest != NULL ? "\"?" : "");
	else if (nearest != NULL)
		problem_add(r->problems, place_of(r, node),
		    "%sunknown setting \"%s\": did you mean \"%s\"?", title,
		    name, nearest);
	else
		problem_add(r->problems, place_of(r, node),
		    "%sunknown setting \"%s\"", title, name);
}

static int
read_list(struct reader *r, struct value *v, const struct setting *setting,
    const config_setting_t *node, struct buffer *why)
{
	int count = config_setting_length(node);
	const char **texts = xcalloc((size_t)count + 1, sizeof *texts);
	int rc = -1;

	for (int i = 0; i < count; i++) {
		config_setting_t *item =
		    config_setting_get_elem(node, (unsigned)i);

		texts[i] = config_setting_get_string(item);
		if (texts[i] == NULL) {
			buffer_add_text(why, "has an entry that is ");
			buffer_add_text(why, type_text(item));
			buffer_add_text(why,
			    "; every entry must be a text in "
			    "quotes");
			goto out;
		}
	}
	rc = value_from_texts(v, setting, texts, (size_t)count, r->memory, why);
out:
	free(texts);
	return rc;
}

static int
read_typed(struct reader *r, struct value *v, const struct setting *setting,
    const config_setting_t *node, struct buffer *why)
{
	switch (config_setting_type(node)) {
	case CONFIG_TYPE_STRING:
		return value_from_text(v, setting,
		    config_setting_get_string(node), v->at.file, r->memory,
		    why);
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return value_from_number(
		    v, setting, config_setting_get_int64(node), why);
	case CONFIG_TYPE_BOOL:
		return value_from_bool(
		    v, setting, config_setting_get_bool(node), why);
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST:
		return read_list(r, v, setting, node, why);
	default:
		return value_wrong_type(setting, type_text(node), why);
	}
}

static void
read_value(struct reader *r, struct scope *scope, const struct setting *setting,
    const config_setting_t *node)
{
	struct value *v = scope_change(r->memory, scope, setting->name);
	struct buffer why = { 0 };

	v->given = true;
	v->at = place_of(r, node);
	if (setting->flags & SETTING_SECRET)
		source_check_private(&r->source, v->at, r->problems);
	if (read_typed(r, v, setting, node, &why) < 0) {
		v->bad = true;
		problem_add(r->problems, v->at, "%s\"%s\" %s",
		    scope_title(r->memory, scope), setting->name, why.data);
	}
	buffer_free(&why);
}

/* At most one source of a password in a group. */
static void
check_passwords(struct reader *r, const struct scope *scope)
{
	size_t count;
	const struct setting *rows = table_section(scope->section, &count);
	const char *first = NULL;

	for (size_t i = 0; i < count; i++) {
		if (!(rows[i].flags & SETTING_PASSWORD) ||
		    !scope->values[i]->given)
			continue;
		if (first != NULL)
			problem_add(r->problems, scope->values[i]->at,
			    "%s\"%s\" and \"%s\" exclude each other; keep one",
			    scope_title(r->memory, scope), first, rows[i].name);
		else
			first = rows[i].name;
	}
}

/* All settings of an account, of a destination, or of defaults. */
static void
read_scope(struct reader *r, struct scope *scope, const config_setting_t *group)
{
	bool defaults = scope == &r->memory->defaults;
	const config_setting_t *name = config_setting_get_member(group, "name");

	if (scope->section == SECTION_ACCOUNT && !defaults && name != NULL)
		read_value(r, scope, table_find(SECTION_ACCOUNT, "name"), name);
	if (scope->section == SECTION_ACCOUNT)
		scope->name = scope_value(scope, "name")->text;

	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *node =
		    config_setting_get_elem(group, (unsigned)i);
		const struct setting *setting =
		    table_find(scope->section, config_setting_name(node));

		if (setting == NULL)
			unknown_setting(r, scope, node);
		else if (defaults && !(setting->flags & SETTING_IN_DEFAULTS))
			problem_add(r->problems, place_of(r, node),
			    "defaults: \"%s\" does not belong here: every "
			    "account has its own",
			    setting->name);
		else if (node != name)
			read_value(r, scope, setting, node);
	}
	check_passwords(r, scope);
}

static void
not_a(struct reader *r, const config_setting_t *node, const char *what,
    const char *like)
{
	problem_add(r->problems, place_of(r, node),
	    "%s must be a group, %s; it is %s", what, like, type_text(node));
}

static void
read_destinations(struct reader *r, const config_setting_t *node)
{
	if (!config_setting_is_group(node)) {
		scope_change(r->memory, &r->memory->global, "destinations")
		    ->bad = true;
		not_a(r, node, "\"destinations\"", "{ home = { … }; }");
		return;
	}
	for (int i = 0; i < config_setting_length(node); i++) {
		const config_setting_t *group =
		    config_setting_get_elem(node, (unsigned)i);
		const char *name =
		    memory_text(r->memory, config_setting_name(group));
		struct scope *scope;

		if (!config_setting_is_group(group)) {
			not_a(r, group,
			    memory_textf(r->memory, "destination \"%s\"", name),
			    "{ smtp = \"…\"; }");
			continue;
		}
		scope = scope_add(
		    r->memory, SECTION_DESTINATION, place_of(r, group));
		scope->name = name;
		read_scope(r, scope, group);
	}
}

static void
read_accounts(struct reader *r, const config_setting_t *node)
{
	if (!config_setting_is_list(node)) {
		scope_change(r->memory, &r->memory->global, "accounts")->bad =
		    true;
		problem_add(r->problems, place_of(r, node),
		    "\"accounts\" must be a list of groups, "
		    "( { name = \"…\"; … }, { … } ); it is %s",
		    type_text(node));
		return;
	}
	r->memory->at_accounts = true;
	for (int i = 0; i < config_setting_length(node); i++) {
		const config_setting_t *group =
		    config_setting_get_elem(node, (unsigned)i);

		if (!config_setting_is_group(group))
			not_a(r, group, "an account", "{ name = \"…\"; … }");
		else
			read_scope(r,
			    scope_add(
				r->memory, SECTION_ACCOUNT, place_of(r, group)),
			    group);
	}
	r->memory->at_accounts = false;
}

static void
read_top(struct reader *r, const config_setting_t *root)
{
	struct scope *global = &r->memory->global;

	for (int i = 0; i < config_setting_length(root); i++) {
		const config_setting_t *node =
		    config_setting_get_elem(root, (unsigned)i);
		const char *name = config_setting_name(node);
		const struct setting *setting =
		    table_find(SECTION_GLOBAL, name);
		struct value *v;

		if (setting == NULL) {
			unknown_setting(r, global, node);
			continue;
		}
		if (setting->type != TYPE_SETTINGS) {
			read_value(r, global, setting, node);
			continue;
		}
		v = scope_change(r->memory, global, name);
		v->given = true;
		v->at = place_of(r, node);
		if (strcmp(name, "destinations") == 0)
			read_destinations(r, node);
		else if (strcmp(name, "accounts") == 0)
			read_accounts(r, node);
		else if (config_setting_is_group(node))
			read_scope(r, &r->memory->defaults, node);
		else
			not_a(r, node, "\"defaults\"", "{ every = \"5m\"; }");
	}
}

/* libconfig frees its strings as they are. */
static void
wipe(config_setting_t *node)
{
	if (config_setting_type(node) == CONFIG_TYPE_STRING &&
	    node->value.sval != NULL)
		OPENSSL_cleanse(node->value.sval, strlen(node->value.sval));
	if (!config_setting_is_aggregate(node))
		return;
	for (int i = 0; i < config_setting_length(node); i++)
		wipe(config_setting_get_elem(node, (unsigned)i));
}

static void
syntax_problem(struct reader *r, const config_t *config)
{
	const char *text = config_error_text(config);
	struct place at =
	    source_place(&r->source, (unsigned)config_error_line(config));

	if (text == NULL)
		text = "syntax error";
	if (strcmp(text, "syntax error") == 0)
		problem_add(r->problems, at,
		    "syntax error here or just before; no comma may stand "
		    "before \")\", \"]\" or \"}\", texts need quotes, and "
		    "settings "
		    "end with \";\"");
	else
		problem_add(r->problems, at, "%s", text);
}

/* Parse what was read (rc) and hand its top level to `use`. Returns 0 or -1. */
static int
parse(struct reader *r, int rc,
    void (*use)(struct reader *r, const config_setting_t *root))
{
	config_t config;

	config_init(&config);
	if (rc == 0 && !config_read_string(&config, r->source.text.data)) {
		syntax_problem(r, &config);
		rc = -1;
	}
	if (rc == 0)
		use(r, config_root_setting(&config));
	if (config_root_setting(&config) != NULL)
		wipe(config_root_setting(&config));
	config_destroy(&config);
	source_free(&r->source);
	return rc;
}

static int
read_file(struct reader *r, const char *path, struct place from,
    void (*use)(struct reader *r, const config_setting_t *root))
{
	int rc = source_read(&r->source, path, from, r->memory, r->problems);

	return parse(r, rc, use);
}

static void
read_account_file(struct reader *r, const config_setting_t *root)
{
	read_scope(r,
	    scope_add(r->memory, SECTION_ACCOUNT, source_place(&r->source, 1)),
	    root);
}

static int
is_account_file(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 &&
	    strcmp(entry->d_name + len - 5, ".conf") == 0;
}

/* Not alphasort(3), whose order depends on the locale. */
static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
read_accounts_dir(struct reader *r)
{
	struct value *dir =
	    scope_change(r->memory, &r->memory->global, "accounts_dir");
	struct dirent **entries;
	int count;

	if (dir->text == NULL)
		return;
	count = scandir(dir->text, &entries, is_account_file, by_name);
	if (count < 0) {
		dir->bad = true;
		problem_add(r->problems, dir->at,
		    "accounts_dir: %s cannot be read: %s", dir->text,
		    strerror(errno));
		return;
	}
	/* Empty as yet, perhaps. */
	memory_folder(r->memory, memory_textf(r->memory, "%s/", dir->text));
	r->memory->at_accounts = true;
	for (int i = 0; i < count; i++) {
		const char *path = memory_textf(
		    r->memory, "%s/%s", dir->text, entries[i]->d_name);

		if (read_file(r, path, dir->at, read_account_file) < 0)
			dir->bad = true;
		free(entries[i]);
	}
	r->memory->at_accounts = false;
	free(entries);
}

static struct reader
begin(struct settings_memory *m, const char *file, struct problems *p)
{
	struct place at = { file, 0 };

	scope_begin(&m->global, SECTION_GLOBAL, at);
	scope_begin(&m->defaults, SECTION_ACCOUNT, at);
	return (struct reader){ .memory = m, .problems = p };
}

int
read_settings(struct settings_memory *m, const char *file, struct problems *p)
{
	struct reader r = begin(m, file, p);

	if (read_file(&r, file, (struct place){ file, 0 }, read_top) < 0)
		return -1;
	read_accounts_dir(&r);
	return 0;
}

int
read_settings_text(struct settings_memory *m, const char *file,
    const struct settings_text *text, struct problems *p)
{
	struct reader r = begin(m, file, p);

	if (parse(&r, source_text(&r.source, file, text, m, p), read_top) < 0)
		return -1;
	read_accounts_dir(&r);
	return 0;
}
