//! Pools, policies, parameters, threads, rights and the heap: mistakes with the text that their author sees, and
//! what a good description becomes.

#[macro_use]
mod common;

use board::{Model, Permissions, Policy, Region, Start, SymbolMap, Value};
use common::{errors, golden, model, off, symbols, try_system};
use proptest::prelude::*;

fn system(text: &str) -> String {
    errors(None, text, &symbols())
}

fn system_with(symbols: &SymbolMap, text: &str) -> String {
    errors(None, text, symbols)
}

/// A small VM with these further lines.
fn small(name: &str, lines: &str) -> String {
    format!(
        "[[vm]]\nname = \"{name}\"\nvcpus = 1\nmemory = \"2M\"\nimage = \"@built/hello.elf\"\n{lines}\n"
    )
}

/// A pool of cores 2 and 3.
fn pool(policy: &str, lines: &str) -> String {
    format!("[[pool]]\nname = \"rt\"\ncores = [2, 3]\npolicy = \"{policy}\"\n{lines}\n")
}

fn good(symbols: &SymbolMap, text: &str) -> Model {
    try_system(None, text, symbols).unwrap_or_else(|errors| panic!("{text}\n{errors}"))
}

mistakes! {
    preemptible_in_legacy: system(&format!("preemptible = [1]\n{}", small("a", "")));
    preemptible_in_full: system_with(&model("PREEMPT_FULL"), &format!("preemptible = [1]\n{}", small("a", "")));
    preemptible_core_missing: system_with(&model("PREEMPT_HYBRID"), &format!("preemptible = [1, 6]\n{}", small("a", "")));
    pool_policy_off: system_with(&off("SCHED_EDF"), &(pool("edf", "") + &small("a", "")));
    pool_policy_unknown: system(&(pool("fixed", "") + &small("a", "")));
    pool_overlap: system(&(pool("edf", "") + "[[pool]]\nname = \"other\"\ncores = [1, 2]\npolicy = \"null\"\n" + &small("a", "")));
    pool_names: system(&(pool("edf", "") + "[[pool]]\nname = \"rt\"\ncores = [0]\npolicy = \"edf\"\n\
        [[pool]]\nname = \"default\"\ncores = []\npolicy = \"edf\"\n" + &small("a", "")));
    pool_missing_keys: system(&("[[pool]]\ncore = [1]\n".to_owned() + &small("a", "")));
    pool_none_for_a_core: system_with(&off("SCHED_DEFAULT_WRR"), &(pool("edf", "") + &small("a", "affinity = [2]")));
    pool_window_without_table: system(&(pool("credit", "frame_us = 100\nwindow = [{ vm = \"a\", start_us = 0, length_us = 5 }]") + &small("a", "")));
    affinity_in_two_pools: system(&(pool("edf", "") + &small("a", "affinity = [1, 2, 3]")));
    affinity_must_say_the_pool: system(&(pool("edf", "") + "[[pool]]\nname = \"rest\"\ncores = [0, 1]\npolicy = \"credit\"\n" + &small("a", "")));
    cap_in_the_wrong_pool: system(&(pool("edf", "") + &small("a", "affinity = [2]\ncap = 20")));
    cap_off: system_with(&off("SCHED_CREDIT"), &small("a", "cap = 20"));
    cap_out_of_range: system(&(pool("credit", "") + &small("a", "affinity = [2]\ncap = 120")));
    priority_in_the_default_pool: system(&small("a", "priority = 7"));
    priority_out_of_range: system(&(pool("fixed-priority", "") + &small("a", "affinity = [2]\npriority = 256")));
    budget_off: system_with(&off("SCHED_EDF"), &small("a", "budget_us = 100\nperiod_us = 1000"));
    budget_alone: system(&(pool("edf", "") + &small("a", "affinity = [2]\nbudget_us = 100")));
    budget_longer_than_period: system(&(pool("edf", "") + &small("a", "affinity = [2]\nbudget_us = 2_000\nperiod_us = 1_000")));
    budgets_exceed_a_core: system(&(pool("edf", "")
        + &small("a", "affinity = [2]\nbudget_us = 600\nperiod_us = 1_000")
        + &small("b", "affinity = [2]\nbudget_us = 5_000\nperiod_us = 10_000")));
    weight_where_deadlines_rule: system(&(pool("edf", "") + &small("a", "affinity = [2]\nweight = 512")));
    weight_where_priorities_rule: system(&(pool("fixed-priority", "") + &small("a", "affinity = [2]\nweight = 512")));
    weight_where_windows_rule: system(&(pool("cyclic", "frame_us = 100\nwindow = [{ vm = \"a\", start_us = 0, length_us = 5 }]")
        + &small("a", "affinity = [2]\nweight = 512")));
    weight_of_one_vcpu_alone_on_its_core: system_with(
        &off("SCHED_DEFAULT_WRR").with("SCHED_DEFAULT_NULL", Value::Bool(true)),
        &small("a", "[[vm.vcpu]]\nweight = 512").replace("vcpus = 1\n", ""));
    weight_of_a_thread_where_priorities_rule: system_with(&model("PREEMPT_FULL"), &(pool("fixed-priority", "")
        + "[[thread]]\nname = \"reaper\"\naffinity = [2]\nweight = 512\n" + &small("a", "")));
    budgets_exceed_the_pool: system(&(pool("edf", "")
        + &small("a", "affinity = [2, 3]\nbudget_us = 600\nperiod_us = 1_000")
        + &small("b", "affinity = [2, 3]\nbudget_us = 600\nperiod_us = 1_000")
        + &small("c", "affinity = [2, 3]\nbudget_us = 401\nperiod_us = 1_000")));
    null_with_two_on_a_core: system(&(pool("null", "")
        + &small("a", "affinity = [2]") + &small("b", "affinity = [3]") + &small("c", "affinity = [2, 3]")));
    null_by_default: system_with(
        &off("SCHED_DEFAULT_WRR").with("SCHED_DEFAULT_NULL", Value::Bool(true)),
        &(small("a", "").replace("vcpus = 1", "vcpus = 4") + &small("b", "")));
    null_with_a_thread: system_with(&model("PREEMPT_FULL"), &(pool("null", "")
        + "[[thread]]\nname = \"console\"\naffinity = [2]\nbackground = false\n" + &small("a", "affinity = [2]")));
    cyclic_without_frame: system(&(pool("cyclic", "window = [{ vm = \"a\", start_us = 0, length_us = 5 }]") + &small("a", "affinity = [2]")));
    cyclic_without_windows: system(&(pool("cyclic", "frame_us = 100") + &small("a", "")));
    cyclic_frame_of_nothing: system(&(pool("cyclic", "frame_us = 0") + &small("a", "")));
    cyclic_window_beyond_the_frame: system(&(pool("cyclic",
        "frame_us = 1_000\nwindow = [{ vm = \"a\", start_us = 900, length_us = 200 }, { vm = \"a\", start_us = 0, length_us = 0 }]")
        + &small("a", "affinity = [2]")));
    cyclic_windows_overlap: system(&(pool("cyclic",
        "frame_us = 1_000\nwindow = [\n  { vm = \"a\", start_us = 0, length_us = 600, cores = [2] },\n  \
         { vm = \"b\", start_us = 500, length_us = 100 },\n]")
        + &small("a", "affinity = [2]") + &small("b", "affinity = [3]")));
    cyclic_window_of_nobody: system(&(pool("cyclic",
        "frame_us = 1_000\nwindow = [{ vm = \"guets\", start_us = 0, length_us = 600 }]") + &small("guest", "affinity = [2]")));
    cyclic_window_outside_the_pool: system(&(pool("cyclic",
        "frame_us = 1_000\nwindow = [{ vm = \"a\", start_us = 0, length_us = 600, cores = [1] }]") + &small("a", "affinity = [2]")));
    cyclic_vm_without_a_window: system(&(pool("cyclic",
        "frame_us = 1_000\nwindow = [{ vm = \"a\", start_us = 0, length_us = 600, cores = [2] }]")
        + &small("a", "affinity = [2]") + &small("b", "affinity = [3]")));
    thread_in_legacy: system(&("[[thread]]\nname = \"scrubber\"\n".to_owned() + &small("a", "")));
    thread_without_a_preemptible_core: system_with(&model("PREEMPT_HYBRID"),
        &("preemptible = []\n[[thread]]\nname = \"scrubber\"\n".to_owned() + &small("a", "")));
    thread_unknown: system_with(&model("PREEMPT_FULL"), &("[[thread]]\nname = \"scruber\"\n".to_owned() + &small("a", "")));
    thread_off: system_with(&model("PREEMPT_FULL").with("WATCHDOG", Value::Bool(false)),
        &("[[thread]]\nname = \"watchdog\"\n".to_owned() + &small("a", "")));
    thread_twice: system_with(&model("PREEMPT_FULL"),
        &("[[thread]]\nname = \"reaper\"\n[[thread]]\nname = \"reaper\"\n".to_owned() + &small("a", "")));
    thread_on_other_cores: system_with(&model("PREEMPT_HYBRID"),
        &("preemptible = [1]\n[[thread]]\nname = \"reaper\"\naffinity = [0, 1]\n".to_owned() + &small("a", "")));
    thread_with_budget_in_the_background: system_with(&model("PREEMPT_FULL"), &(pool("edf", "")
        + "[[thread]]\nname = \"reaper\"\naffinity = [2]\nbudget_us = 10\nperiod_us = 1000\nbackground = true\n" + &small("a", "")));
    stacks_exceed_the_kernel: system_with(&model("PREEMPT_FULL").with("THREAD_STACK_SIZE", Value::Hex(0x2_0000)),
        &(0..12).map(|vm| small(&format!("vm{vm}"), "")).collect::<String>());
    may_unknown: system(&small("a", "may = [\"grow\", \"grants\", \"grant\", \"grant\"]"));
    may_without_hypercalls: system_with(&off("HYPERCALLS"), &small("a", "may = [\"grant\", \"debug\"]"));
    may_debug_off: system_with(&off("DEBUG_BURN"), &small("a", "may = [\"debug\"]"));
    controls_unknown_and_itself: system(&(small("one", "controls = [\"oen\", \"one\", \"tow\"]") + &small("two", "")));
    controls_without_hypercalls: system_with(&off("HYPERCALLS"), &(small("a", "controls = [\"b\"]") + &small("b", "")));
    manual_without_controller: system(&small("a", "start = \"manual\""));
    start_unknown: system(&small("a", "start = \"automatic\""));
    grow_without_permission: system(&format!("heap = {{ size = \"8M\" }}\n{}", small("a", "grow = \"4M\"")));
    grow_without_heap: system(&small("a", "may = [\"populate\"]\ngrow = \"4M\""));
    grow_beyond_the_heap: system(&format!("heap = {{ size = \"8M\" }}\n{}", small("a", "may = [\"populate\"]\ngrow = \"16M\"")));
    grow_missing: system(&small("a", "may = [\"populate\"]"));
    grow_at_alone: system(&small("a", "grow_at = 0x8000_0000"));
    grow_over_memory: system(&format!("heap = {{ size = \"8M\" }}\n{}", small("a", "may = [\"populate\"]\ngrow = \"4M\"\ngrow_at = 0x4010_0000")));
    grow_over_devices: system(&format!("heap = {{ size = \"8M\" }}\n{}", small("a", "may = [\"populate\"]\ngrow = \"4M\"\ngrow_at = 0x0900_0000")));
    grow_beyond_address_space: system(&format!("heap = {{ size = \"8M\" }}\n{}",
        small("a", "may = [\"populate\"]\ngrow = \"4M\"\ngrow_at = 0x7f_ffe0_0000")));
    grow_misaligned: system(&format!("heap = {{ size = \"8M\" }}\n{}", small("a", "may = [\"populate\"]\ngrow = 0x1800\ngrow_at = 0x8000_0010")));
    heap_too_large: system(&format!("heap = {{ size = \"2G\" }}\n{}", small("a", "")));
    heap_of_nothing: system(&format!("heap = {{ size = 0 }}\n{}", small("a", "")));
    heap_misaligned: system(&format!("[heap]\nsize = 0x10_0800\n{}", small("a", "")));
    heap_without_hypercalls: system_with(&off("HYPERCALLS"), &format!("heap = {{ size = \"8M\" }}\n{}", small("a", "")));
}

#[test]
fn cores_in_no_pool_get_the_policy_of_the_configuration() {
    let text = pool("edf", "") + &small("a", "affinity = [2]") + &small("b", "");
    let configuration = symbols()
        .with("SCHED_DEFAULT_WRR", Value::Bool(false))
        .with("SCHED_DEFAULT_CREDIT", Value::Bool(true));
    let made = good(&configuration, &text).system;
    let pools: Vec<_> = made
        .pools
        .iter()
        .map(|p| (p.name.as_str(), p.cores, p.policy))
        .collect();
    assert_eq!(
        pools,
        [
            ("rt", 0b1100, Policy::Edf),
            ("default", 0b0011, Policy::Credit)
        ]
    );
    assert_eq!(made.vms[0].vcpus[0].affinity, 0b0100);
    assert_eq!(
        made.vms[1].vcpus[0].affinity, 0b0011,
        "not those of the named pool"
    );
}

#[test]
fn an_edf_pool_gives_each_server_a_core_whatever_the_order() {
    // In the order of the file the small ones would take half of each core, and the large one would fit nowhere.
    let server = |name: &str, budget: u32| {
        small(
            name,
            &format!("affinity = [2, 3]\nbudget_us = {budget}\nperiod_us = 1_000"),
        )
    };
    let text = pool("edf", "")
        + &server("a", 400)
        + &server("b", 400)
        + &server("c", 800)
        + &small("d", "affinity = [2, 3]");
    let made = good(&symbols(), &text).system;
    let affinities: Vec<u64> = made.vms.iter().map(|vm| vm.vcpus[0].affinity).collect();
    assert_eq!(affinities, [0b1000, 0b1000, 0b0100, 0b1100]);
    assert_eq!(made.vms[2].vcpus[0].params.budget_us, 800);
}

#[test]
fn a_null_pool_gives_each_vcpu_a_core() {
    let text = pool("null", "") + &small("a", "affinity = [2, 3]") + &small("b", "affinity = [2]");
    let made = good(&symbols(), &text).system;
    assert_eq!(made.vms[0].vcpus[0].affinity, 0b1000);
    assert_eq!(made.vms[1].vcpus[0].affinity, 0b0100);
}

#[test]
fn a_cyclic_pools_windows_are_in_order_and_name_partitions() {
    let table = "frame_us = 1_000\nwindow = [\n  { vm = \"b\", start_us = 600, length_us = 300 },\n  \
                 { vm = \"a\", start_us = 0, length_us = 600, cores = [2] },\n  \
                 { vm = \"caesura\", start_us = 900, length_us = 100 },\n]";
    let text = pool("cyclic", table)
        + "[[thread]]\nname = \"console\"\naffinity = [2]\nbackground = false\n"
        + &small("a", "affinity = [2]")
        + &small("b", "affinity = [3]");
    let made = good(&model("PREEMPT_FULL"), &text).system;
    let pool = &made.pools[0];
    let windows: Vec<_> = pool
        .windows
        .iter()
        .map(|w| (w.start_us, w.length_us, w.cores, w.partition))
        .collect();
    assert_eq!(pool.frame_us, 1_000);
    assert_eq!(
        windows,
        [
            (0, 600, 0b0100, 0),
            (600, 300, 0b1100, 1),
            (900, 100, 0b1100, 2)
        ]
    );
}

#[test]
fn stacks_are_numbered_for_what_may_be_on_a_preemptible_core() {
    let text = small("a", "affinity = [0]") + &small("b", "affinity = [1, 2]");
    let stacks = |model: &Model| {
        let vcpus = model.system.vms.iter().flat_map(|vm| &vm.vcpus);
        let threads = model.system.threads.iter();
        (
            vcpus.map(|vcpu| vcpu.stack).collect::<Vec<_>>(),
            threads.map(|thread| thread.stack).collect::<Vec<_>>(),
        )
    };
    let legacy = good(&symbols(), &text);
    assert_eq!(stacks(&legacy), (vec![None, None], vec![]));
    assert!(legacy.board.cpus.iter().all(|cpu| !cpu.preemptible));
    let full = good(&model("PREEMPT_FULL"), &text);
    assert_eq!(stacks(&full), (vec![Some(0), Some(1)], vec![2, 3, 4, 5, 6]));
    assert!(full.board.cpus.iter().all(|cpu| cpu.preemptible));
    assert_eq!(full.system.thread_stacks(), 7);
    let text = format!("preemptible = [2, 3]\n{text}");
    let hybrid = good(&model("PREEMPT_HYBRID"), &text);
    assert_eq!(stacks(&hybrid), (vec![None, Some(0)], vec![1, 2, 3, 4, 5]));
    let threads = &hybrid.system.threads;
    assert!(threads.iter().all(|thread| thread.affinity == 0b1100));
}

#[test]
fn in_hybrid_the_system_overrules_the_board() {
    let board =
        std::fs::read_to_string(common::root().join("boards/qemu-virt/board.toml")).unwrap();
    let board = board
        .replace("name = \"qemu-virt\"", "name = \"test\"")
        .replace("mpidr = 1\n", "mpidr = 1\npreemptible = false\n");
    let marked = |text: &str, model: &str| -> Vec<bool> {
        let made = try_system(Some(&board), text, &common::model(model)).unwrap();
        made.board.cpus.iter().map(|cpu| cpu.preemptible).collect()
    };
    let text = small("a", "");
    assert_eq!(marked(&text, "PREEMPT_HYBRID"), [true, false, true, true]);
    assert_eq!(marked(&text, "PREEMPT_FULL"), [true; 4]);
    assert_eq!(marked(&text, "PREEMPT_LEGACY"), [false; 4]);
    let text = format!("preemptible = [1]\n{text}");
    assert_eq!(marked(&text, "PREEMPT_HYBRID"), [false, true, false, false]);
}

#[test]
fn threads_stay_out_of_pools_in_which_they_would_need_a_core_or_windows() {
    let rest = "[[pool]]\nname = \"rest\"\ncores = [0, 1]\npolicy = \"credit\"\n";
    let text = rest.to_owned() + &pool("null", "") + &small("a", "affinity = [2]");
    let made = good(&model("PREEMPT_FULL"), &text).system;
    assert!(made.threads.iter().all(|thread| thread.affinity == 0b0011));
    let console = made
        .threads
        .iter()
        .find(|thread| thread.name == "console")
        .unwrap();
    assert!(!console.background, "others wait for it");
    let text = pool("null", "").replace("[2, 3]", "[0, 1, 2, 3]") + &small("a", "affinity = [2]");
    let made = good(&model("PREEMPT_FULL"), &text).system;
    assert!(
        made.threads.iter().all(|thread| thread.background),
        "on what vCPUs leave"
    );
}

#[test]
fn rights_the_heap_and_its_windows_reach_the_model() {
    let text = "heap = { size = \"1100M\" }\n".to_owned()
        + &small(
            "a",
            "may = [\"populate\", \"console\"]\ngrow = \"1G\"\ncontrols = [\"c\", \"b\"]",
        )
        + &small(
            "b",
            "start = \"manual\"\nmay = [\"populate\"]\ngrow = \"3M\"",
        )
        .replace("\"2M\"", "[{ size = \"4M\" }]")
        + &small("c", "");
    let made = good(&symbols(), &text);
    let [a, b, c] = made.system.vms.as_slice() else {
        panic!()
    };
    assert_eq!(a.controls, [1, 2]);
    assert!(a.may.contains(Permissions::POPULATE) && a.may.contains(Permissions::CONSOLE));
    assert!(!a.may.contains(Permissions::GRANT) && c.may == Permissions::NONE);
    assert_eq!(
        a.grow,
        Some(Region {
            base: 0x8000_0000,
            size: 1 << 30
        })
    );
    assert_eq!(
        b.grow,
        Some(Region {
            base: 0x4040_0000,
            size: 3 << 20
        })
    );
    assert_eq!((b.start, c.start), (Start::Manual, Start::Auto));
    let heap = made.plan.heap.unwrap();
    assert_eq!((heap.size, heap.base % (2 << 20)), (1100 << 20, 0));
    assert!(!heap.overlaps(&a.memory[0].pa) && !heap.overlaps(&made.board.boot_dtb.unwrap()));
    let far = text.replace("grow = \"1G\"", "grow = \"1G\"\ngrow_at = 0x10_0000_0000");
    for (text, bits) in [(text, 32), (far, 37)] {
        let tables = good(&symbols(), &text).outputs().unwrap().remove(0);
        let tables = String::from_utf8(tables.bytes).unwrap();
        assert!(
            tables.contains(&format!("pub const IPA_BITS: u32 = {bits};")),
            "the window is in the guest's address space: {tables}"
        );
    }
}

#[test]
fn the_page_of_stolen_time_keeps_away_from_everything() {
    let page = |lines: &str| good(&symbols(), &small("a", lines)).system.vms[0].pv_time;
    assert_eq!(page(""), Some(0x090a_0000));
    let moved = "devices = [{ kind = \"uart\", ipa = 0x090a_0000, intid = 33 }, { kind = \"rtc\", ipa = 0x090a_1000, intid = 34 }]";
    assert_eq!(page(moved), Some(0x090a_2000));
    let without = good(&off("PV_TIME"), &small("a", ""));
    assert_eq!(without.system.vms[0].pv_time, None);
}

/// A system with some of everything.
fn everything() -> String {
    "preemptible = [2, 3]\nheap = { size = \"64M\" }\n".to_owned()
        + "[[pool]]\nname = \"partitions\"\ncores = [3]\npolicy = \"cyclic\"\nframe_us = 10_000\nwindow = [\n  \
           { vm = \"a\", start_us = 0, length_us = 3_000 },\n  { vm = \"b\", start_us = 3_000, length_us = 6_500 },\n]\n"
        + "[[pool]]\nname = \"rt\"\ncores = [2]\npolicy = \"edf\"\n"
        + "[[thread]]\nname = \"console\"\naffinity = [2]\nbudget_us = 50\nperiod_us = 1_000\n"
        + &small("a", "affinity = [3]")
        + &small("b", "affinity = [3]\ncontrols = [\"d\"]")
        + &small(
            "c",
            "affinity = [2]\nbudget_us = 300\nperiod_us = 1_000\nmay = [\"populate\"]\ngrow = \"16M\"",
        )
        + &small("d", "start = \"manual\"").replace("\"2M\"", "[{ size = \"4M\" }]")
}

#[test]
fn the_summary_shows_pools_threads_and_the_heap() {
    let made = good(&model("PREEMPT_HYBRID"), &everything());
    insta::assert_snapshot!("sharing_summary", made.summary());
}

/// The committed tables, compiled.
mod tables_of_everything {
    include!("golden/sharing.rs");
}

#[test]
fn the_generated_tables_of_all_that_compile_and_say_what_the_model_says() {
    use tables_of_everything as made;
    let model = good(&model("PREEMPT_HYBRID"), &everything());
    let tables = model.outputs().unwrap().remove(0);
    golden("sharing", std::str::from_utf8(&tables.bytes).unwrap());
    let [a, _, c, d] = made::SYSTEM.vms else {
        panic!()
    };
    let preemptible: Vec<bool> = made::BOARD.cpus.iter().map(|cpu| cpu.preemptible).collect();
    assert_eq!(preemptible, [false, false, true, true]);
    assert_eq!((a.vcpus[0].stack, d.vcpus[0].stack), (Some(0), None));
    assert_eq!((c.vcpus[0].budget_us, c.vcpus[0].period_us), (300, 1_000));
    assert_eq!(
        (c.grow, c.grow_at, c.may),
        (16 << 20, 0x4020_0000, Permissions::POPULATE)
    );
    assert_eq!(
        (d.start, d.memory[0].pa.size, d.vcpus[0].partition),
        (Start::Manual, 4 << 20, 3)
    );
    assert_eq!(made::SYSTEM.heap, model.plan.heap);
    assert_eq!(made::PLAN.pool, model.plan.pool);
    assert_eq!(made::SYSTEM.pools.len(), made::POOLS);
    assert_eq!((made::THREADS, made::THREAD_STACKS), (5, 8));
    assert_eq!(made::SYSTEM.threads[4].stack, 7);
    // What the scheduler wants to be configured with.
    assert_eq!(
        sched::check_windows(made::SYSTEM.pools[0].frame_us, made::FRAMES[0]),
        Ok(())
    );
    assert!(made::FRAMES[1].is_empty() && made::FRAMES[2].is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The scheduler, which adds the servers in the order of the file, admits whatever the tool has accepted, on
    /// the core that the tool has found; and no core has more than it can give.
    #[test]
    fn accepted_budgets_are_admitted_by_the_scheduler(
        servers in prop::collection::vec((1u64..16, 1u32..1_000, 1u32..1_000), 1..7),
    ) {
        let mut text = pool("edf", "").replace("[2, 3]", "[0, 1, 2, 3]");
        for (index, (mask, one, other)) in servers.iter().enumerate() {
            let cores: Vec<u64> = (0..4).filter(|core| mask >> core & 1 == 1).collect();
            let (budget, period) = (one.min(other), one.max(other));
            text += &small(
                &format!("vm{index}"),
                &format!("affinity = {cores:?}\nbudget_us = {budget}\nperiod_us = {period}"),
            );
        }
        match try_system(None, &text, &symbols()) {
            Err(errors) => prop_assert!(errors.contains("does not fit") && errors.contains("-->"), "{}", errors),
            Ok(made) => {
                let mut admission = sched::Admission::<4>::new(4);
                let mut used = [0.0; 4];
                for (vm, (mask, _, _)) in made.system.vms.iter().zip(&servers) {
                    let vcpu = vm.vcpus[0];
                    prop_assert_eq!(vcpu.affinity.count_ones(), 1);
                    prop_assert_eq!(vcpu.affinity & !mask, 0);
                    let (budget, period) = (vcpu.params.budget_us, vcpu.params.period_us);
                    let share = sched::Share::of(budget.into(), period.into());
                    let core = admission.admit(vcpu.affinity, share);
                    prop_assert_eq!(core, Ok(vcpu.affinity.trailing_zeros() as usize));
                    used[vcpu.affinity.trailing_zeros() as usize] += f64::from(budget) / f64::from(period);
                }
                prop_assert!(used.iter().all(|used| *used <= 1.0 + 1e-9), "{:?}", used);
            }
        }
    }
}
