//! The systems that ship, evaluated with stand-ins for their files: they are free of mistakes, nothing of
//! them overlaps, and what is generated from them is what it should be.

mod common;

use std::fs;

use board::{DeviceKind, QemuOptions, Region, Value, read_pack};
use proptest::prelude::*;

use common::{golden, root, shipped, symbols, symbols_gicv2, try_system};

/// Every system in `configs/systems`.
fn shipped_systems() -> Vec<String> {
    let mut found: Vec<String> = fs::read_dir(root().join("configs/systems"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
        .collect();
    found.sort();
    assert!(found.iter().any(|name| name == "linux"));
    found
}

/// The committed tables, compiled: what is generated is Rust of the types that the kernel knows.
mod compiled {
    /// SYSTEM=linux.
    pub mod linux {
        include!("golden/linux.rs");
    }
    /// SYSTEM=hello on GICv2.
    pub mod hello_gicv2 {
        include!("golden/hello_gicv2.rs");
    }
}

#[test]
fn the_generated_tables_compile_and_say_what_the_model_says() {
    use compiled::{hello_gicv2, linux};
    let (model, _folder) = shipped("linux", &symbols());
    assert_eq!(linux::BOARD.load_address, model.board.load_address);
    assert_eq!(linux::PLAN.pool, model.plan.pool);
    assert_eq!(linux::SYSTEM.vms.len(), linux::VMS);
    assert_eq!(
        (linux::VCPUS_TOTAL, linux::NR_CPUS, linux::CONSOLE_PREFIX),
        (4, 4, 1)
    );
    let (vm, made) = (&linux::SYSTEM.vms[1], &model.system.vms[1]);
    assert_eq!(vm.name, made.name);
    assert_eq!(vm.memory[0].pa, made.memory[0].pa);
    assert!(vm.memory[0].writable && vm.memory[0].executable);
    assert_eq!(
        vm.image.initrd.unwrap().ipa,
        made.image.initrd.as_ref().unwrap().ipa
    );
    assert_eq!(vm.image.dtb.source, tables::Source::Pack("vm1.dtb"));
    assert!(matches!(
        linux::BOARD.gic,
        tables::Gic::V3 {
            maintenance: 25,
            ..
        }
    ));
    assert!(!hello_gicv2::PLAN.kernel.overlaps(&hello_gicv2::PLAN.pack));
    assert!(matches!(
        hello_gicv2::BOARD.gic,
        tables::Gic::V2 {
            maintenance: 25,
            ..
        }
    ));
    assert_eq!(
        hello_gicv2::SYSTEM.vms[0].gic.redistributor_or_cpu,
        0x0801_0000
    );
}

#[test]
fn the_shipped_systems_fit_and_nothing_overlaps() {
    for name in &shipped_systems() {
        let text = fs::read_to_string(root().join(format!("configs/systems/{name}.toml"))).unwrap();
        // One that marks cores is for the model that has such.
        let needs_hybrid = text.lines().any(|line| line.starts_with("preemptible"));
        for mut symbols in [symbols(), symbols_gicv2()] {
            if needs_hybrid {
                symbols = symbols.with("PREEMPT_HYBRID", Value::Bool(true));
            }
            let (model, _folder) = shipped(name, &symbols);
            let mut taken: Vec<Region> = vec![model.plan.kernel, model.plan.pack, model.plan.pool];
            taken.extend(model.plan.modules.iter().map(|module| module.region));
            taken.extend(model.plan.heap);
            for vm in &model.system.vms {
                taken.extend(vm.memory.iter().map(|memory| memory.pa));
                for memory in &vm.memory {
                    let block = if memory.pa.size >= 2 << 20 {
                        2 << 20
                    } else {
                        4096
                    };
                    assert_eq!(
                        memory.pa.base % block,
                        memory.ipa % block,
                        "{name}: {memory:x?}"
                    );
                }
            }
            for (index, one) in taken.iter().enumerate() {
                assert!(
                    model
                        .board
                        .memory
                        .iter()
                        .any(|ram| ram.base <= one.base && one.end() <= ram.end())
                );
                for other in &taken[..index] {
                    assert!(!one.overlaps(other), "{name}: {one:x?} and {other:x?}");
                }
            }
        }
    }
}

#[test]
fn a_system_has_the_outputs_it_should() {
    let (model, folder) = shipped("linux", &symbols());
    let out = folder.path().join("build");
    let written = model.write(&out).unwrap();
    let names: Vec<_> = written
        .iter()
        .map(|w| w.path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["tables.rs", "features", "link.ld", "vm0.dtb", "vm1.dtb"]
    );
    assert!(written.iter().all(|w| w.changed));
    assert!(
        model.write(&out).unwrap().iter().all(|w| !w.changed),
        "the second time nothing changed"
    );
    golden("linux", &fs::read_to_string(out.join("tables.rs")).unwrap());
    insta::assert_snapshot!(
        "linux_features",
        fs::read_to_string(out.join("features")).unwrap()
    );
    let script = fs::read_to_string(out.join("link.ld")).unwrap();
    assert!(
        script.contains(". = 0x40080000;") && !script.contains("{{"),
        "{script}"
    );
}

#[test]
fn a_gicv2_system_has_gicv2_tables() {
    let (model, _folder) = shipped("hello", &symbols_gicv2());
    let outputs = model.outputs().unwrap();
    golden(
        "hello_gicv2",
        std::str::from_utf8(&outputs[0].bytes).unwrap(),
    );
}

#[test]
fn the_pack_holds_each_file_once_and_the_plan_has_room_for_it() {
    let (model, _folder) = shipped("linux", &symbols());
    let pack = model.pack().unwrap().finish();
    let entries = read_pack(&pack).unwrap();
    let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "linux/Image",
            "linux/initrd-shell.cpio.gz",
            "vm0.dtb",
            "vm1.dtb"
        ]
    );
    assert!(pack.len() as u64 <= model.plan.pack.size);
    let room = model.plan.pack.end() - model.plan.kernel.base;
    assert!(model.check_image_size(room).is_ok());
    assert!(
        model
            .check_image_size(room + 1)
            .unwrap_err()
            .contains("CONFIG_KERNEL_SIZE_MAX")
    );
}

#[test]
fn modules_stay_out_of_the_pack_and_go_to_the_boot_loader() {
    let (model, _folder) = shipped("modules", &symbols());
    let entries = read_pack(&model.pack().unwrap().finish()).unwrap();
    assert_eq!(
        entries.len(),
        1,
        "only the device tree is packed: {entries:?}"
    );
    let options = QemuOptions {
        image: "caesura.img".into(),
        cpu: None,
        cpus: None,
    };
    let args = model.qemu_args(&options).unwrap().join(" ");
    for module in &model.plan.modules {
        let place = format!("guest-loader,addr={:#x},kernel=", module.region.base);
        assert!(args.contains(&place), "{args}");
        assert!(
            args.contains(&format!("bootargs={}", module.name)),
            "{args}"
        );
        assert!(!module.region.overlaps(&model.board.boot_dtb.unwrap()));
    }
    let initrd = model.system.vms[0].image.initrd.as_ref().unwrap();
    assert!(
        initrd.module && initrd.limit > initrd.size,
        "another initrd may be larger"
    );
}

#[test]
fn modules_keep_away_from_the_boot_loaders_device_tree() {
    let system = fs::read_to_string(root().join("configs/systems/modules.toml")).unwrap();
    let board = fs::read_to_string(root().join("boards/qemu-virt/board.toml")).unwrap();
    let board = board
        .replace("name = \"qemu-virt\"", "name = \"test\"")
        .replace("dtb = { base = 0x4800_0000", "dtb = { base = 0x4041_0000");
    let model = try_system(Some(&board), &system, &symbols()).unwrap();
    let dtb = model.board.boot_dtb.unwrap();
    assert_eq!(dtb.base, 0x4041_0000);
    for module in &model.plan.modules {
        assert!(!module.region.overlaps(&dtb), "{module:x?}");
    }
    for vm in &model.system.vms {
        assert!(vm.memory.iter().all(|memory| !memory.pa.overlaps(&dtb)));
    }
}

#[test]
fn a_vm_that_lists_no_devices_has_those_that_are_switched_on() {
    let symbols = symbols().with("VDEV_PL031", Value::Bool(false));
    let (model, _folder) = shipped("hello", &symbols);
    let kinds: Vec<_> = model.system.vms[0]
        .devices
        .iter()
        .map(|device| device.kind)
        .collect();
    assert_eq!(kinds, [DeviceKind::Uart]);
}

#[test]
fn a_comma_in_a_files_name_does_not_end_qemus_option() {
    let (mut model, _folder) = shipped("modules", &symbols());
    model.plan.modules[0].path = "a,b/Image".into();
    let options = QemuOptions {
        image: "caesura.img".into(),
        cpu: None,
        cpus: None,
    };
    let args = model.qemu_args(&options).unwrap().join(" ");
    assert!(args.contains("kernel=a,,b/Image,bootargs="), "{args}");
}

#[test]
fn qemu_is_told_what_the_board_says() {
    let (model, _folder) = shipped("hello", &symbols_gicv2());
    let mut options = QemuOptions {
        image: "a/caesura.img".into(),
        cpu: None,
        cpus: None,
    };
    assert_eq!(
        model.qemu_args(&options).unwrap().join(" "),
        "-M virt,virtualization=on,gic-version=2,dtb-randomness=off -cpu cortex-a72 -m 2048 -smp 4 \
         -display none -audio none -monitor none -no-reboot -serial stdio -kernel a/caesura.img"
    );
    options.cpu = Some("max".into());
    options.cpus = Some(1);
    let args = model.qemu_args(&options).unwrap().join(" ");
    assert!(args.contains("-cpu max -m 2048 -smp 1 "), "{args}");
}

#[test]
fn the_summary_shows_the_memory_map() {
    let (model, _folder) = shipped("linux", &symbols());
    insta::assert_snapshot!("linux_summary", model.summary());
    let (model, _folder) = shipped("uboot", &symbols());
    insta::assert_snapshot!("uboot_summary", model.summary());
}

#[test]
fn the_programs_to_build_first_are_known_without_them() {
    let names =
        |name| board::built_images(&root().join(format!("configs/systems/{name}.toml"))).unwrap();
    assert_eq!(names("hello"), ["hello.elf"]);
    assert!(names("linux").is_empty());
}

#[test]
fn the_examples_in_the_documentation_are_good() {
    let page = fs::read_to_string(root().join("docs/systems.md")).unwrap();
    let examples: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(examples.len() >= 3, "{examples:?}");
    for example in examples {
        if let Err(errors) = try_system(None, example, &symbols()) {
            panic!("{example}\n{errors}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is accepted is disjoint, inside RAM and aligned; whatever is refused has a reason.
    #[test]
    fn accepted_systems_never_overlap(
        vms in prop::collection::vec((1u64..400, prop::option::of(0u64..2048), 0u64..64), 1..6),
    ) {
        let mut text = String::new();
        for (index, (size, pa, ipa)) in vms.iter().enumerate() {
            let pa = pa.map_or(String::new(), |pa| format!(", pa = {}", 0x4000_0000 + pa * 0x10_0000));
            text += &format!(
                "[[vm]]\nname = \"vm{index}\"\nvcpus = 1\nmemory = [{{ ipa = {}, size = \"{size}M\"{pa} }}]\n\
                 image = {{ kernel = \"@guests/u-boot/u-boot.bin\", format = \"flat\" }}\n",
                0x4000_0000 + ipa * 0x10_0000
            );
        }
        match try_system(None, &text, &symbols()) {
            Err(errors) => prop_assert!(errors.contains("-->"), "{}", errors),
            Ok(model) => {
                let mut taken = vec![model.plan.kernel, model.plan.pack, model.plan.pool];
                for (vm, (size, pa, _)) in model.system.vms.iter().zip(&vms) {
                    let memory = vm.memory[0];
                    prop_assert_eq!(memory.pa.size, size << 20);
                    prop_assert!(memory.pa.base >= 0x4000_0000 && memory.pa.end() <= 0xc000_0000);
                    if let Some(pa) = pa {
                        prop_assert_eq!(memory.pa.base, 0x4000_0000 + pa * 0x10_0000);
                    }
                    taken.push(memory.pa);
                    let tree = Region { base: vm.image.dtb_ipa, size: vm.dtb.len() as u64 };
                    let kernel = Region { base: vm.image.kernel.ipa, size: vm.image.kernel.size };
                    prop_assert!(!tree.overlaps(&kernel));
                    prop_assert!(memory.ipa <= tree.base && tree.end() <= memory.ipa_region().end());
                }
                for (index, one) in taken.iter().enumerate() {
                    prop_assert!(taken[..index].iter().all(|other| !one.overlaps(other)));
                }
            }
        }
    }
}
