//! What the long operations need of this image: its locks, its hands, its VMs' lives (see `hypercall::Machine`).

use core::ops::Range;
use core::sync::atomic::Ordering;

use abi::ops::{stat, state};
use continuation::Rest;
use hypercall::{Error, Grants, Life, Orphan, Ports, Space, Step, VmId};
use stage2::Geometry;
use tables::Permissions;

use crate::console;
use crate::grace;
use crate::life::{self, ORPHANS};
use crate::memory::{self, HEAP, Heap, Pool, Tlb};
use crate::operate::Drive;
use crate::platform::IrqGuard;
use crate::signal::Signal;
use crate::urgency::{self, Hurry};
use crate::vm::{self, State, VMS, Vm};

/// This image.
#[derive(Clone, Copy, Debug)]
pub struct Machine;

/// The heap has pages to scrub.
static DIRT: Signal = Signal::new();
/// A VM's console has room again.
pub static ROOM: Signal = Signal::new();

/// Operations ask only about VMs that exist; should one not, it is the first that answers.
fn vm(id: VmId) -> &'static Vm {
    VMS.get(usize::from(id.0)).unwrap_or(&VMS[0])
}

impl hypercall::Machine for Machine {
    type Driver = Drive;
    type Heap = Heap;
    type Tables = Pool;
    type Tlb = Tlb;

    fn vms(self) -> u8 {
        VMS.len() as u8
    }

    fn may(self, id: VmId, wanted: Permissions) -> bool {
        vm(id).table.may.contains(wanted)
    }

    fn controls(self, id: VmId, target: VmId) -> bool {
        vm(id).table.controls.contains(&usize::from(target.0))
    }

    fn window(self, id: VmId) -> Range<u64> {
        memory::window(vm(id).table)
    }

    fn ipa_size(self, _id: VmId) -> u64 {
        memory::geometry().map_or(0, |geometry| Geometry::ipa_size(&geometry))
    }

    fn has_spi(self, id: VmId, intid: u32) -> bool {
        let spis = vm(id).table.gic.spis;
        intid.checked_sub(32).is_some_and(|spi| spi < spis)
    }

    fn heap<R>(self, section: impl FnOnce(&mut Heap) -> R) -> R {
        HEAP.with(section)
    }

    fn space<R>(self, id: VmId, section: impl FnOnce(Space<'_, Self>) -> R) -> R {
        memory::with_space(vm(id), |stage2, tables, tlb| {
            section(Space {
                stage2,
                tables,
                tlb,
            })
        })
    }

    fn grants<R>(self, owner: VmId, section: impl FnOnce(&mut Grants) -> R) -> R {
        vm(owner).grants.with(section)
    }

    fn ports<R>(self, owner: VmId, section: impl FnOnce(&mut Ports) -> R) -> R {
        vm(owner).ports.with(section)
    }

    fn scrub(self, pa: u64) {
        if let Some(ram) = memory::shared(pa, frames::PAGE_SIZE) {
            ram.clear_page(pa);
            arch::cache::clean_and_invalidate(pa, frames::PAGE_SIZE);
        }
    }

    fn clean(self, pa: u64) {
        if memory::shared(pa, frames::PAGE_SIZE).is_some() {
            arch::cache::clean_and_invalidate(pa, frames::PAGE_SIZE);
        }
    }

    fn read(self, pa: u64, to: &mut [u8]) {
        if let Some(ram) = memory::shared(pa, to.len() as u64) {
            ram.read(pa, to);
        }
    }

    fn write(self, pa: u64, from: &[u8]) {
        if let Some(ram) = memory::shared(pa, from.len() as u64) {
            ram.write(pa, from);
        }
    }

    fn copy(self, from: u64, to: u64, bytes: usize) -> usize {
        let source = memory::shared(from, bytes as u64);
        let target = memory::shared(to, bytes as u64);
        let (Some(source), Some(target)) = (source, target) else {
            return bytes;
        };
        let stop = arch::cpu::irq_waits;
        arch::ram::copy_shared((&source, from), (&target, to), bytes, stop).unwrap_or(bytes)
    }

    fn burn(self) {
        for round in 0..60 {
            core::hint::black_box(round);
        }
    }

    fn stock(self) -> bool {
        memory::stock()
    }

    fn given_up(self) -> u64 {
        memory::given_up().1
    }

    fn returned(self, until: u64) -> impl Future<Output = bool> + Send {
        grace::returned(until)
    }

    fn wanted(self) -> bool {
        arch::cpu::irq_waits()
    }

    fn life(self, id: VmId, request: Life) -> Result<Step, Error> {
        let vm = vm(id);
        match request {
            Life::Create => {
                memory::stock();
                return IrqGuard::with(|irq| life::create(irq, vm));
            }
            Life::Start => IrqGuard::with(|irq| life::start(irq, vm))?,
            Life::Pause => life::pause(vm)?,
            Life::Resume => life::unpause(vm)?,
            Life::Destroy => life::seize(vm, true)?,
            Life::Reset => life::seize(vm, false)?,
            Life::LetGo => life::let_go(vm),
            Life::Bury => life::bury(vm),
            Life::Restart => life::finish_stop(vm),
        }
        Ok(Step::Done)
    }

    fn stopped(self, id: VmId) -> impl Future<Output = ()> + Send {
        let vm = vm(id);
        async move {
            let _hurry = Hurry(vm);
            let look = move || {
                let quiet = life::is_quiet(vm);
                if !quiet {
                    urgency::hurry(vm);
                }
                quiet.then_some(())
            };
            vm.quiet.until(look).await;
        }
    }

    fn state(self, id: VmId) -> u64 {
        match vm(id).state() {
            State::Absent => state::ABSENT,
            State::Off => state::OFF,
            State::Loading => state::LOADING,
            State::Running => state::RUNNING,
            State::Paused => state::PAUSED,
            State::Stopping => state::STOPPING,
            State::Dying => state::DYING,
        }
    }

    fn cancel_one(self, id: VmId) -> Rest {
        vm(id).operations.cancel_one()
    }

    fn orphan(self) -> impl Future<Output = Orphan> + Send {
        ORPHANS.until(|| {
            life::orphan().map(|(vm, restart)| Orphan {
                vm: VmId(vm.number as u8),
                restart,
            })
        })
    }

    fn console(self, id: VmId, text: &[u8]) -> usize {
        console::push(vm(id).number, text)
    }

    fn console_room(self, id: VmId) -> impl Future<Output = ()> + Send {
        let number = vm(id).number;
        ROOM.until(move || console::has_room(number).then_some(()))
    }

    fn ring(self, id: VmId, intid: u32) {
        let vm = vm(id);
        IrqGuard::with(|irq| {
            let kick = vm.gic.lock(irq).inject_edge(0, intid);
            vm::deliver(irq, vm, kick);
        });
    }

    fn note_dirty(self) {
        DIRT.notify();
    }

    fn until_dirty(self) -> impl Future<Output = ()> + Send {
        DIRT.until(|| (HEAP.with(|heap| frames::Chunks::usage(heap).dirty) > 0).then_some(()))
    }

    fn stat(self, id: VmId, which: u64) -> Option<u64> {
        let vm = vm(id);
        Some(match which {
            stat::ABANDONED => vm.operations.abandoned(),
            stat::SUSPENDED => vm.operations.suspended() as u64,
            stat::LEFT => vm.left.load(Ordering::Relaxed),
            stat::LONGEST_STRETCH => crate::stretch::longest(),
            stat::POOL_FREE => {
                let usage = memory::usage();
                u64::from(usage.total.saturating_sub(usage.used))
            }
            stat::TABLES_WAITING => memory::given_up().0,
            stat::GRACE_PERIODS => grace::count(),
            _ => return None,
        })
    }
}
