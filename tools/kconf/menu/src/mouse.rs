//! The mouse, where it is switched on: a click selects, a click on the selected row opens or changes it, the wheel
//! moves, the right button goes back.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use crate::app::{App, Effect};

impl App<'_> {
    /// Takes an event of the mouse.
    pub fn mouse(&mut self, event: MouseEvent) -> Effect {
        let press = |app: &mut Self, code| app.key(KeyEvent::new(code, KeyModifiers::NONE));
        match event.kind {
            MouseEventKind::ScrollDown => press(self, KeyCode::Down),
            MouseEventKind::ScrollUp => press(self, KeyCode::Up),
            MouseEventKind::Down(MouseButton::Right) => press(self, KeyCode::Esc),
            MouseEventKind::Down(MouseButton::Left) if self.dialogs.is_empty() => {
                let list = self.screen().list;
                if !list.contains(Position::new(event.column, event.row)) {
                    return Effect::Continue;
                }
                let place = self.place();
                let at = place.top + usize::from(event.row - list.y);
                if at >= self.rows.len() {
                    return Effect::Continue;
                }
                if at == place.cursor {
                    return press(self, KeyCode::Enter);
                }
                self.notice = None;
                self.set_cursor(at);
                Effect::Continue
            }
            _ => Effect::Continue,
        }
    }
}
