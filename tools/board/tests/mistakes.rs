//! Mistakes in board.toml, in a system's TOML and in image files, each with the text that its author sees.

#[macro_use]
mod common;

use board::{SymbolMap, Value};
use common::{errors, off, root, symbols, vm, vm_but};

fn system(text: &str) -> String {
    errors(None, text, &symbols())
}

fn system_with(symbols: &SymbolMap, text: &str) -> String {
    errors(None, text, symbols)
}

/// The shipped board with one text replaced, and a good system.
fn board(from: &str, to: &str) -> String {
    board_with(&symbols(), from, to)
}

fn board_with(symbols: &SymbolMap, from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(root().join("boards/qemu-virt/board.toml")).unwrap();
    let text = text.replacen("name = \"qemu-virt\"", "name = \"test\"", 1);
    assert!(text.contains(from), "the board does not contain {from}");
    let text = text.replacen(from, to, 1);
    errors(Some(&text), &vm_but("", ""), symbols)
}

mistakes! {
    system_syntax: system("[[vm]\nname = guest\n");
    system_empty: system("description = \"nothing\"\n");
    system_unknown_key: system(&vm_but("memory", "memroy = \"256M\"\ncolour = 3"));
    system_missing_keys: system(&vm("devices = []"));
    system_wrong_types: system(&vm("vcpus = \"two\"\nmemory = true\nimage = 7\nexpect = \"hello\"\non_crash = 1"));
    system_several_vms_several_mistakes: system(
        "[[vm]]\nname = \"a b\"\nvcpus = 9\nmemory = \"256M\"\nimage = \"@guests/linux/Imag\"\n\n\
         [[vm]]\nname = \"two\"\nvcpus = 1\nweight = 0\nmemory = \"100000\"\nimage = \"@built/hello.elf\"\n\n\
         [[vm]]\nname = \"two\"\nvcpus = 1\naffinity = [9]\nmemory = \"2M\"\nimage = \"@guest/x\"\n"
    );
    name_too_long: system("[[vm]]\nname = \"a-very-long-name-of-a-vm\"\nvcpus = 1\nmemory = \"256M\"\nimage = \"@guests/linux/Image\"\n");
    name_reserved: system("[[vm]]\nname = \"caesura\"\nvcpus = 1\nmemory = \"256M\"\nimage = \"@guests/linux/Image\"\n");
    vcpus_none: system(&vm_but("vcpus", "vcpus = 0"));
    vcpus_twice: system(&vm_but("", "[[vm.vcpu]]\naffinity = [0]"));
    affinity_empty: system(&vm_but("", "affinity = []"));
    affinity_beyond_nr_cpus: system(&vm_but("", "affinity = [0, 5]"));
    affinity_beyond_board: system_with(&symbols().with("NR_CPUS", Value::Int(8)), &vm_but("", "affinity = [8, 8]"));
    weight_out_of_range: system(&vm_but("", "weight = 70000"));
    weight_without_scheduler: system_with(&off("SCHED_WRR").with("SCHED_CREDIT", Value::Bool(false)), &vm_but("", "weight = 512"));
    size_unreadable: system(&vm_but("memory", "memory = \"256 megs\""));
    size_negative: system(&vm_but("memory", "memory = [{ size = -4096 }, { size = 0, ipa = 0x5000_0000 }]"));
    memory_misaligned: system(&vm_but("memory", "memory = [{ ipa = 0x4000_0800, size = \"64M\" }]"));
    memory_overlaps_memory: system(&vm_but("memory",
        "memory = [\n  { ipa = 0x4000_0000, size = \"64M\" },\n  { ipa = 0x43f0_0000, size = \"64M\" },\n]"));
    memory_overlaps_device: system(&vm_but("memory",
        "memory = [{ ipa = 0, size = \"256M\" }, { ipa = 0x4000_0000, size = \"256M\" }]"));
    memory_beyond_address_space: system(&vm_but("memory", "memory = [{ ipa = 0x7f_ff00_0000, size = \"64M\" }]"));
    memory_none: system(&vm_but("memory", "memory = []"));
    pa_in_hypervisor: system(&vm_but("memory", "memory = [{ size = \"64M\", pa = 0x4000_0000 }]"));
    pa_overlaps_pa: system(
        "[[vm]]\nname = \"a\"\nvcpus = 1\nmemory = [{ size = \"64M\", pa = 0x5000_0000 }]\nimage = \"@guests/linux/Image\"\n\
         [[vm]]\nname = \"b\"\nvcpus = 1\nmemory = [{ size = \"64M\", pa = 0x5200_0000 }]\nimage = \"@guests/linux/Image\"\n"
    );
    pa_outside_ram: system(&vm_but("memory", "memory = [{ size = \"64M\", pa = 0xbfff_0000 }]"));
    ram_exhausted: system(
        "[[vm]]\nname = \"big\"\nvcpus = 1\nmemory = \"1536M\"\nimage = \"@guests/linux/Image\"\n\
         [[vm]]\nname = \"bigger\"\nvcpus = 1\nmemory = \"512M\"\nimage = \"@guests/linux/Image\"\n"
    );
    device_unknown: system(&vm_but("", "devices = [\"uatr\", \"gpu\"]"));
    device_twice: system(&vm_but("", "devices = [\"uart\", { kind = \"uart\", ipa = 0x0a00_0000, intid = 40 }]"));
    device_off: system_with(&off("VDEV_PL031"), &vm_but("", "devices = [\"uart\", \"rtc\"]"));
    device_misplaced: system(&vm_but("",
        "devices = [{ kind = \"uart\", ipa = 0x0800_8000, intid = 31 }, { kind = \"rtc\", ipa = 0x4000_0000, intid = 40 }]"));
    expect_without_console: system(&vm_but("", "devices = []\nexpect = [\"hello\"]"));
    expect_nothing: system(&vm_but("", "expect = [\"hello\", \"\"]"));
    timeout_zero: system(&format!("timeout = 0\n{}", vm_but("", "")));
    size_zero: system(&vm_but("memory", "memory = [{ size = 0 }]"));
    nul_in_bootargs: system(&vm_but("image", "[vm.image]\nkernel = \"@guests/linux/Image\"\nbootargs = \"a\\u0000b\""));
    crash_limit_without_restart: system(&vm_but("", "on_crash = { action = \"halt\", limit = 3 }"));
    crash_unknown_action: system(&vm_but("", "on_crash = \"reboot\""));
    image_missing: system(&vm_but("image", "[vm.image]\nkernel = \"my/Image\"\ninitrd = \"@built/nothing.elf\""));
    image_unrecognised: system(&vm_but("image", "image = \"@guests/u-boot/u-boot.bin\""));
    image_wrong_format: system(&vm_but("image", "[vm.image]\nkernel = \"@built/hello.elf\"\nformat = \"linux\""));
    image_format_misspelt: system(&vm_but("image", "[vm.image]\nkernel = \"@built/hello.elf\"\nformat = \"Elf\""));
    image_does_not_fit: system(&vm_but("memory", "memory = \"16M\""));
    image_outside_memory: system(&vm_but("memory", "memory = [{ ipa = 0x8000_0000, size = \"256M\" }]").replace("@guests/linux/Image", "@built/hello.elf"));
    image_misaligned: system(&vm_but("image", "[vm.image]\nkernel = \"@guests/linux/Image\"\nload = 0x4008_0000"));
    elf_moved: system(&vm_but("image", "[vm.image]\nkernel = \"@built/hello.elf\"\nload = 0x4010_0000"));
    dtb_over_kernel: system(&vm_but("image", "[vm.image]\nkernel = \"@guests/linux/Image\"\ndtb = 0x4010_0000"));
    entry_not_executable: system(
        "[[vm]]\nname = \"guest\"\nvcpus = 1\nmemory = [{ size = \"4M\" }, { ipa = 0x8000_0000, size = \"2M\", executable = false }]\n\
         [vm.image]\nkernel = \"@built/hello.elf\"\nentry = 0x8000_0000\n"
    );
    entry_misaligned: system(&vm_but("image", "[vm.image]\nkernel = \"@guests/linux/Image\"\nentry = 0x4000_0002"));
    gzip_off: system_with(&off("LOADER_GZIP"), &vm_but("image", "image = \"@guests/linux/Image.gz\""));
    elf_off: system_with(&off("LOADER_ELF"), &vm_but("image", "image = \"@built/hello.elf\""));
    modules_off: system_with(&off("LOADER_MODULES"),
        &vm_but("image", "[vm.image]\nkernel = \"@guests/linux/Image\"\nsource = \"module\""));
    board_unknown_and_missing_keys: board("description = ", "descripton = ");
    board_load_address_outside_ram: board("load_address = 0x4008_0000", "load_address = 0x8_0000");
    board_several_mistakes: board(
        "[uart]\nkind = \"pl011\"\nbase = 0x0900_0000\nintid = 33",
        "[uart]\nkind = \"ns16550\"\nbase = 0x4100_0000\nintid = 17"
    );
    board_duplicate_mpidr: board("mpidr = 7", "mpidr = 0x8000_0003\n[[cpu]]\nmpidr = 2");
    board_memory_overlap: board("size = \"2G\"\n", "size = \"2G\"\n[[memory]]\nbase = 0x7000_0000\nsize = \"1G\"\n");
    board_uart_driver_off: board_with(&off("UART_PL011"), "name", "name");
    board_without_the_chosen_gic: board_with(
        &symbols().with("GICV2", Value::Bool(true)).with("GICV3", Value::Bool(false)),
        "[gic.v2]\ndistributor = { base = 0x0800_0000, size = \"64K\" }\ncpu = { base = 0x0801_0000, size = \"64K\" }\n\
         hypervisor = { base = 0x0803_0000, size = \"64K\" }\nvcpu = { base = 0x0804_0000, size = \"64K\" }\nmaintenance = 25\n",
        ""
    );
    board_timers: board("hypervisor = 26", "hypervisor = 10");
    board_timer_is_maintenance: board("virtual = 27", "virtual = 25");
    board_gic_overlap: board("vcpu = { base = 0x0804_0000", "vcpu = { base = 0x0803_0000");
    board_name: board("name = \"test\"", "name = \"virt\"");
    board_psci: board("conduit = \"smc\"", "conduit = \"SMC64\"");
    image_larger_than_ram: board("size = \"2G\"", "size = \"2M\"");
    limits_misaligned: system_with(
        &symbols().with("POOL_SIZE", Value::Hex(0x10_0800)).with("KERNEL_SIZE_MAX", Value::Hex(0)),
        &vm_but("", "")
    );
    thread_stacks_misaligned: system_with(&symbols().with("THREAD_STACK_SIZE", Value::Hex(0x4200)), &vm_but("", ""));
    pool_too_large: system_with(&symbols().with("POOL_SIZE", Value::Hex(0x9000_0000)), &vm_but("", ""));
}
