//! What the fake does when an operation asks, and what it finds wrong with being asked.

use super::*;

impl Machine for Fake {
    type Driver = Drive;
    type Heap = Heap<1, 8>;
    type Tables = Tables;
    type Tlb = Tlb;

    fn vms(self) -> u8 {
        VMS
    }
    fn may(self, vm: VmId, wanted: Permissions) -> bool {
        self.0.may.lock().unwrap()[usize::from(vm.0)].contains(wanted)
    }
    fn controls(self, vm: VmId, target: VmId) -> bool {
        vm == VmId(0) && target != vm
    }
    fn window(self, _: VmId) -> Range<u64> {
        WINDOW
    }
    fn ipa_size(self, _: VmId) -> u64 {
        1 << IPA_BITS
    }
    fn has_spi(self, _: VmId, intid: u32) -> bool {
        (32..64).contains(&intid)
    }
    fn heap<R>(self, section: impl FnOnce(&mut Self::Heap) -> R) -> R {
        self.lock(3, &self.0.heap, section)
    }
    fn space<R>(self, vm: VmId, section: impl FnOnce(Space<'_, Self>) -> R) -> R {
        self.lock(2, &self.0.spaces[usize::from(vm.0)], |memory| {
            section(Space {
                stage2: memory.stage2.as_mut(),
                tables: &mut memory.tables,
                tlb: &mut Tlb,
            })
        })
    }
    fn grants<R>(self, owner: VmId, section: impl FnOnce(&mut Grants) -> R) -> R {
        self.lock(1, &self.0.grants[usize::from(owner.0)], section)
    }
    fn ports<R>(self, owner: VmId, section: impl FnOnce(&mut Ports) -> R) -> R {
        self.lock(9, &self.0.ports[usize::from(owner.0)], section)
    }
    fn scrub(self, pa: u64) {
        step();
        assert!(pa >= HEAP && pa.is_multiple_of(PAGE));
        assert_eq!(HELD.get(), 0, "nobody waits for a scrub");
        self.0.page(pa, |page| page.fill(0));
    }
    fn clean(self, pa: u64) {
        step();
        self.0.cleaned.lock().unwrap().insert(pa);
    }
    fn read(self, pa: u64, to: &mut [u8]) {
        step();
        assert!(to.len() <= 128 && pa % PAGE + to.len() as u64 <= PAGE);
        let at = (pa % PAGE) as usize;
        self.0
            .page(pa, |page| to.copy_from_slice(&page[at..at + to.len()]));
    }
    fn write(self, pa: u64, from: &[u8]) {
        step();
        assert!(from.len() <= 128 && pa % PAGE + from.len() as u64 <= PAGE);
        let at = (pa % PAGE) as usize;
        self.0
            .page(pa, |page| page[at..at + from.len()].copy_from_slice(from));
    }
    fn copy(self, from: u64, to: u64, bytes: usize) -> usize {
        step();
        let asked = bytes;
        let bytes = if wanted() { bytes.min(512) } else { bytes };
        assert!(asked != 0);
        assert!(bytes <= hypercall::COPY_PIECE);
        assert!(from % PAGE + bytes as u64 <= PAGE && to % PAGE + bytes as u64 <= PAGE);
        let at = (from % PAGE) as usize;
        let data = self.0.page(from, |page| page[at..at + bytes].to_vec());
        let at = (to % PAGE) as usize;
        self.0
            .page(to, |page| page[at..at + bytes].copy_from_slice(&data));
        bytes
    }
    fn stock(self) -> bool {
        assert_eq!(HELD.get(), 0, "nobody waits for a table to be cleared");
        *self.0.stocked.lock().unwrap()
    }
    fn given_up(self) -> u64 {
        *self.0.given_up.lock().unwrap()
    }
    fn returned(self, until: u64) -> impl Future<Output = bool> + Send {
        poll_fn(move |_| {
            assert_eq!(HELD.get(), 0, "nobody waits for a grace period");
            let mut back = self.0.returned.lock().unwrap();
            if *back >= until {
                *self.0.stocked.lock().unwrap() = true;
                return Poll::Ready(false);
            }
            *back += 1;
            Poll::Ready(*back < until)
        })
    }
    fn wanted(self) -> bool {
        wanted()
    }
    fn burn(self) {
        step();
    }
    fn life(self, vm: VmId, request: Life) -> Result<Step, Error> {
        assert_eq!(HELD.get(), 0, "a life is changed without locks");
        let mut now = self.0.status[usize::from(vm.0)].lock().unwrap();
        let mut memory = self.0.spaces[usize::from(vm.0)].lock().unwrap();
        let memory = &mut *memory;
        self.0
            .log
            .lock()
            .unwrap()
            .push(format!("{} {request:?}", vm.0));
        let from = now.state;
        let to = match request {
            Life::Create if from == state::ABSENT => {
                let mut space = Stage2::new(geometry(), u16::from(vm.0) + 1, &mut memory.tables)
                    .map_err(|_| Error::NoMemory)?;
                let size = OWN_PAGES * PAGE;
                space
                    .map(
                        &mut memory.tables,
                        &mut Tlb,
                        OWN,
                        own_pa(vm.0),
                        size,
                        Attributes::RAM,
                    )
                    .map_err(|_| Error::NoMemory)?;
                memory.stage2 = Some(space);
                state::OFF
            }
            Life::Start if from == state::OFF => state::RUNNING,
            Life::Pause if from == state::RUNNING => state::PAUSED,
            Life::Resume if from == state::PAUSED => state::RUNNING,
            Life::Destroy | Life::Reset if now.owned => return Err(Error::Busy),
            Life::Destroy if from != state::ABSENT && from != state::STOPPING => {
                (now.owned, now.restart) = (true, false);
                state::DYING
            }
            Life::Reset if matches!(from, state::RUNNING | state::PAUSED | state::STOPPING) => {
                (now.owned, now.restart) = (true, true);
                state::STOPPING
            }
            Life::LetGo => {
                assert!(now.owned);
                now.owned = false;
                from
            }
            Life::Bury => {
                assert!(now.owned && from == state::DYING);
                let space = memory.stage2.take().expect("once");
                assert_eq!(memory.tables.used(), 1, "only the root is left");
                space.destroy(&mut memory.tables, &mut Tlb);
                now.owned = false;
                state::ABSENT
            }
            Life::Restart => {
                assert!(now.owned && from == state::STOPPING);
                now.owned = false;
                state::RUNNING
            }
            _ => return Err(Error::State),
        };
        now.state = to;
        Ok(Step::Done)
    }
    fn stopped(self, vm: VmId) -> impl Future<Output = ()> + Send {
        poll_fn(move |_| match self.state_of(vm.0).restless {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
    }
    fn state(self, vm: VmId) -> u64 {
        self.state_of(vm.0).state
    }
    fn cancel_one(self, vm: VmId) -> Rest {
        self.0.ops[usize::from(vm.0)].cancel_one()
    }
    fn orphan(self) -> impl Future<Output = Orphan> + Send {
        poll_fn(move |_| {
            for vm in 0..VMS {
                let mut now = self.0.status[usize::from(vm)].lock().unwrap();
                if matches!(now.state, state::DYING | state::STOPPING) && !now.owned {
                    now.owned = true;
                    return Poll::Ready(Orphan {
                        vm: VmId(vm),
                        restart: now.restart,
                    });
                }
            }
            Poll::Pending
        })
    }
    fn console(self, _: VmId, text: &[u8]) -> usize {
        step();
        let (written, room) = &mut *self.0.console.lock().unwrap();
        let taken = text.len().min(*room);
        *room -= taken;
        written.extend_from_slice(&text[..taken]);
        taken
    }
    fn console_room(self, _: VmId) -> impl Future<Output = ()> + Send {
        // The terminal takes ten bytes meanwhile.
        let mut waited = false;
        poll_fn(move |_| {
            if waited {
                self.0.console.lock().unwrap().1 = 10;
                return Poll::Ready(());
            }
            waited = true;
            Poll::Pending
        })
    }
    fn ring(self, vm: VmId, intid: u32) {
        assert_eq!(HELD.get(), 0, "rung under a lock");
        self.0.rings.lock().unwrap().push((vm, intid));
    }
    fn note_dirty(self) {
        assert_eq!(HELD.get(), 0, "noted under a lock");
        *self.0.dirty.lock().unwrap() = true;
    }
    fn until_dirty(self) -> impl Future<Output = ()> + Send {
        poll_fn(move |_| {
            if std::mem::take(&mut *self.0.dirty.lock().unwrap()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    }
    fn stat(self, vm: VmId, which: u64) -> Option<u64> {
        let table = &self.0.ops[usize::from(vm.0)];
        match which {
            abi::ops::stat::ABANDONED => Some(table.abandoned()),
            abi::ops::stat::SUSPENDED => Some(table.suspended() as u64),
            _ => None,
        }
    }
}
