// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Makes Caesura's hypercalls from a stock Linux guest.
 *
 * For tests: what a call costs, and what the guest's own interrupts suffer meanwhile. Write a line to /proc/caesura,
 *
 *     FUNCTION TIMES X1 ... X6        numbers as C writes them; arguments that are left out are 0
 *
 * and the call is made that often, by the writer's CPU, with the scheduler asked in between as any kernel code does. The
 * write fails with EIO if one of the calls returns less than 0 in x0, and no more are made then. Reading shows the last
 * run: one line of KEY=VALUE pairs,
 *
 *     calls, failed      how many succeeded, how many failed (0 or 1)
 *     x0, x1, x2, x3     what the last one returned, signed
 *     longest_us         the longest call
 *     ticks, late_us     how often a timer of this CPU with a period of a millisecond rang meanwhile, and the longest
 *                        that it was overdue when its handler ran: how long the guest was kept from its interrupts
 *
 * It does not know which functions there are: kernel/abi says that, and the hypervisor checks them. It is as dangerous as
 * root, who alone can use it.
 */
#include <linux/arm-smccc.h>
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define ARGUMENTS 6

struct run {
	unsigned long calls, failed;
	struct arm_smccc_res last;
	s64 longest;
};

/* One line is run at a time: the timer and the result are the module's. */
static DEFINE_MUTEX(lock);
static struct run shown;

static struct {
	struct hrtimer timer;
	unsigned long rang;
	s64 late;
} metronome;

static enum hrtimer_restart ring(struct hrtimer *timer)
{
	s64 late = ktime_to_ns(ktime_sub(ktime_get(), hrtimer_get_expires(timer)));

	metronome.rang++;
	if (late > metronome.late)
		metronome.late = late;
	hrtimer_forward_now(timer, ms_to_ktime(1));
	return HRTIMER_RESTART;
}

static struct run run(u32 function, unsigned long times, const u64 x[ARGUMENTS])
{
	struct run run = {};

	metronome.rang = 0;
	metronome.late = 0;
	/* On this CPU, in interrupt context: the scheduler has no say in when its handler runs. */
	hrtimer_start(&metronome.timer, ms_to_ktime(1), HRTIMER_MODE_REL_PINNED_HARD);
	while (run.calls < times && !run.failed) {
		ktime_t start = ktime_get();
		s64 took;

		arm_smccc_1_1_hvc(function, x[0], x[1], x[2], x[3], x[4], x[5], &run.last);
		took = ktime_to_ns(ktime_sub(ktime_get(), start));
		if (took > run.longest)
			run.longest = took;
		if ((long)run.last.a0 < 0)
			run.failed++;
		else
			run.calls++;
		if (signal_pending(current))
			break;
		cond_resched();
	}
	hrtimer_cancel(&metronome.timer);
	return run;
}

static ssize_t line_write(struct file *file, const char __user *from, size_t length, loff_t *at)
{
	unsigned long long times = 1, function, x[ARGUMENTS] = {};
	unsigned long long *const to[] = { &function, &times, x, x + 1, x + 2, x + 3, x + 4, x + 5 };
	char *text, *rest, *word;
	int error = 0, count = 0;

	if (length > 256)
		return -EINVAL;
	text = memdup_user_nul(from, length);
	if (IS_ERR(text))
		return PTR_ERR(text);
	rest = strim(text);
	while (!error && (word = strsep(&rest, " \t"))) {
		if (!*word)
			continue;
		error = count < ARRAY_SIZE(to) ? kstrtoull(word, 0, to[count++]) : -EINVAL;
	}
	kfree(text);
	if (error || !count || function > U32_MAX)
		return error ?: -EINVAL;

	mutex_lock(&lock);
	/* The metronome is this CPU's only while the writer stays here. */
	migrate_disable();
	shown = run(function, times, x);
	migrate_enable();
	error = shown.failed ? -EIO : 0;
	mutex_unlock(&lock);
	return error ?: length;
}

static ssize_t line_read(struct file *file, char __user *to, size_t length, loff_t *at)
{
	char text[256];
	int used;

	mutex_lock(&lock);
	used = scnprintf(text, sizeof(text),
			 "calls=%lu failed=%lu x0=%ld x1=%ld x2=%ld x3=%ld longest_us=%lld ticks=%lu late_us=%lld\n",
			 shown.calls, shown.failed, shown.last.a0, shown.last.a1, shown.last.a2, shown.last.a3,
			 shown.longest / 1000, metronome.rang, metronome.late / 1000);
	mutex_unlock(&lock);
	return simple_read_from_buffer(to, length, at, text, used);
}

static const struct proc_ops line_ops = {
	.proc_write = line_write,
	.proc_read = line_read,
};

static int __init caesura_init(void)
{
	hrtimer_init(&metronome.timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	metronome.timer.function = ring;
	return proc_create("caesura", 0600, NULL, &line_ops) ? 0 : -ENOMEM;
}

static void __exit caesura_exit(void)
{
	remove_proc_entry("caesura", NULL);
}

module_init(caesura_init);
module_exit(caesura_exit);
MODULE_DESCRIPTION("Makes Caesura's hypercalls, and times what they do to interrupts");
/* The kernel's own words for the licence at the top; the symbols used above are for GPL modules only. */
MODULE_LICENSE("Dual MIT/GPL");
