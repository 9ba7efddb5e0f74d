/*
 * Answers the shell commands of a Kconfig tool from what they printed before (LD_PRELOAD).
 *
 * Linux's tree asks the compiler some three hundred questions before the first symbol is known; hundreds of configurations
 * ask the same again. SHELL_ANSWERS names a folder with a file for each command, by the hash of its text; who sets it
 * chooses another folder for another environment. C conf comes by popen(): what is not there yet is run and written down. A
 * program that starts `sh -c` itself has it replaced by `cat FILE`; a command without an answer is run as it stands.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int answer_path(char *path, size_t size, const char *command)
{
	const char *folder = getenv("SHELL_ANSWERS");
	uint64_t a = 0xcbf29ce484222325u, b = 0x9e3779b97f4a7c15u;

	if (!folder || !*folder)
		return 0;
	for (const unsigned char *c = (const unsigned char *)command; *c; c++) {
		a = (a ^ *c) * 0x100000001b3u;
		b = (b + *c) * 0xd6e8feb86659fd93u;
		b ^= b >> 29;
	}
	snprintf(path, size, "%s/%016llx%016llx", folder, (unsigned long long)a, (unsigned long long)b);
	return 1;
}

FILE *popen(const char *command, const char *mode)
{
	static FILE *(*real)(const char *, const char *);
	char path[4096], fresh[4200], buffer[4096];
	FILE *in, *out;
	size_t n;

	if (!real)
		real = (FILE *(*)(const char *, const char *))dlsym(RTLD_NEXT, "popen");
	if (!answer_path(path, sizeof(path), command) || *mode != 'r')
		return real(command, mode);
	in = fopen(path, "r");
	if (in)
		return in;
	snprintf(fresh, sizeof(fresh), "%s.%d", path, (int)getpid());
	in = real(command, mode);
	out = fopen(fresh, "w");
	if (!in || !out)
		return in;
	while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
		fwrite(buffer, 1, n, out);
	fclose(out);
	((int (*)(FILE *))dlsym(RTLD_NEXT, "pclose"))(in);
	rename(fresh, path);
	return fopen(path, "r");
}

int pclose(FILE *stream)
{
	static int (*real)(FILE *);
	char path[4096];

	if (!real)
		real = (int (*)(FILE *))dlsym(RTLD_NEXT, "pclose");
	/* With answers every stream is a file; a command that was run has been closed above. */
	return answer_path(path, sizeof(path), "") ? (fclose(stream), 0) : real(stream);
}

static int replaced(const char *program, char *const argv[], char *path, size_t size)
{
	const char *name = program ? strrchr(program, '/') : NULL;

	name = name ? name + 1 : program;
	if (!name || strcmp(name, "sh") || !argv[0] || !argv[1] || strcmp(argv[1], "-c") || !argv[2])
		return 0;
	return answer_path(path, size, argv[2]) && access(path, R_OK) == 0;
}

typedef int spawn_fn(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
		     char *const[], char *const[]);

static int spawn(const char *symbol, pid_t *pid, const char *program, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	spawn_fn *real = (spawn_fn *)dlsym(RTLD_NEXT, symbol);
	/* Without the variables, so that cat does not load this library again. */
	char path[4096], *cat[] = { "cat", path, NULL }, *nothing[] = { NULL };

	if (replaced(program, argv, path, sizeof(path)))
		return real(pid, "/bin/cat", actions, attributes, cat, nothing);
	return real(pid, program, actions, attributes, argv, envp);
}

int posix_spawn(pid_t *pid, const char *program, const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	return spawn("posix_spawn", pid, program, actions, attributes, argv, envp);
}

int posix_spawnp(pid_t *pid, const char *program, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
	return spawn("posix_spawnp", pid, program, actions, attributes, argv, envp);
}

/* Where the program's name is looked up in a path of the caller's, Rust forks and comes here. */
int execvp(const char *program, char *const argv[])
{
	int (*real)(const char *, char *const[]) = (int (*)(const char *, char *const[]))dlsym(RTLD_NEXT, "execvp");
	char path[4096], *cat[] = { "cat", path, NULL }, *nothing[] = { NULL };

	if (replaced(program, argv, path, sizeof(path)))
		return execve("/bin/cat", cat, nothing);
	return real(program, argv);
}
