//! A menu without a terminal: a tree from a text, keys by name, and the screen as text.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::Path;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use kconf::{Config, Env, Layer, Model};
use kconf_menu::{App, Effect, Options, Theme, render, solver};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// A tree that has one of everything.
pub const TREE: &str = r#"mainmenu "Example configuration"

config MODULES
	bool "Loadable module support"
	modules
	default y

menu "Networking"

config NET
	bool "Networking support"
	default y
	help
	  Without it nothing is sent.

	  With it, everything is, and this line is long enough that it has to be wrapped on a screen of eighty columns.

config NET_LOG
	bool "Log packets"
	depends on NET
	select PRINTK

config NET_DRIVER
	tristate "Driver"
	depends on NET

config NET_QUEUES
	int "Queues"
	depends on NET_DRIVER
	range 1 64
	default 8

config NET_ADDRESS
	hex "Base address"
	range 0x1000 0xffff
	default 0x1000

config NET_NAME
	string "Name of the host"
	default "caesura"

comment "Wireless needs a driver"
	depends on !NET_DRIVER

endmenu

config PRINTK
	bool "Messages"

menuconfig DEBUG
	bool "Debugging"

config DEBUG_LOCKS
	bool "Check locks"
	depends on DEBUG

config DEBUG_DEEP
	bool "Check everything"
	depends on DEBUG && EXPERT

config EXPERT
	bool "Expert mode"

choice
	prompt "Optimise for"
	default FOR_SPEED
	help
	  What the compiler is told.

config FOR_SPEED
	bool "Speed"

config FOR_SIZE
	bool "Size"

config FOR_NOTHING
	bool "Nothing"
	depends on EXPERT

endchoice

config HIDDEN
	def_bool NET

menu "Nothing in here"
config NEVER
	bool "Never"
	depends on n
endmenu
"#;

/// The model of a text.
pub fn model(text: &str) -> &'static Model {
    let model = Model::load_str(Path::new("Kconfig"), text, &Env::default());
    // Tests are few; a model that lives for ever keeps their signatures short.
    Box::leak(Box::new(model.unwrap()))
}

/// A menu and the screen it is drawn on.
pub struct Menu {
    pub app: App<'static>,
    pub theme: Theme,
    pub size: (u16, u16),
    pub folder: tempfile::TempDir,
}

impl Menu {
    /// The menu of [`TREE`], for a `.config` that is up to date.
    pub fn example() -> Self {
        Self::of(model(TREE))
    }

    pub fn of(model: &'static Model) -> Self {
        // The length of its name is on the screens.
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let path = folder.path().join(".config");
        let config = Config::new(model);
        std::fs::write(&path, config.write()).unwrap();
        let mut config = Config::new(model);
        config.read(&path, Layer::Config).unwrap();
        Self::with(config, folder)
    }

    pub fn with(config: Config<'static>, folder: tempfile::TempDir) -> Self {
        let options = Options {
            minimal_path: folder.path().join("defconfig"),
            ..Options::new(folder.path().join(".config"))
        };
        Self {
            app: App::new(config, options, solver()),
            theme: Theme::new(false, true),
            size: (80, 24),
            folder,
        }
    }

    pub fn sized(mut self, width: u16, height: u16) -> Self {
        self.size = (width, height);
        self.app.resize(width, height);
        self
    }

    /// Presses keys: names separated by blanks; a word that is no name is typed. The last effect.
    pub fn press(&mut self, keys: &str) -> Effect {
        let mut effect = Effect::Continue;
        for word in keys.split_whitespace() {
            for key in named(word) {
                assert_eq!(effect, Effect::Continue, "a key after leaving");
                effect = self.app.key(key);
            }
        }
        effect
    }

    /// Types a text as it is.
    pub fn type_in(&mut self, text: &str) {
        for character in text.chars() {
            self.app
                .key(KeyEvent::new(KeyCode::Char(character), KeyModifiers::NONE));
        }
    }

    pub fn value(&self, name: &str) -> String {
        self.app.config().value(name).unwrap().text
    }

    /// The screen, without the name of the test's folder.
    pub fn screen(&mut self) -> String {
        let (width, height) = self.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        self.app.resize(width, height);
        terminal
            .draw(|frame| render(&self.app, &self.theme, frame))
            .unwrap();
        let buffer = terminal.backend().buffer();
        let mut out = String::new();
        for y in 0..height {
            let line: String = (0..width).map(|x| buffer[(x, y)].symbol()).collect();
            out.push_str(line.trim_end());
            out.push('\n');
        }
        let folder = self.folder.path().display().to_string();
        out.replace(&folder, &"~".repeat(folder.len()))
    }

    pub fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
}

/// The key of a name.
fn named(word: &str) -> Vec<KeyEvent> {
    let plain = |code| vec![KeyEvent::new(code, KeyModifiers::NONE)];
    match word {
        "Up" => plain(KeyCode::Up),
        "Down" => plain(KeyCode::Down),
        "Left" => plain(KeyCode::Left),
        "Right" => plain(KeyCode::Right),
        "Home" => plain(KeyCode::Home),
        "End" => plain(KeyCode::End),
        "PgUp" => plain(KeyCode::PageUp),
        "PgDn" => plain(KeyCode::PageDown),
        "Enter" => plain(KeyCode::Enter),
        "Esc" => plain(KeyCode::Esc),
        "Space" => plain(KeyCode::Char(' ')),
        "Backspace" => plain(KeyCode::Backspace),
        _ => {
            if let Some(letter) = word.strip_prefix("Ctrl-") {
                let letter = letter.chars().next().unwrap();
                return vec![KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)];
            }
            if let Some(number) = word.strip_prefix('F').and_then(|n| n.parse().ok()) {
                return plain(KeyCode::F(number));
            }
            word.chars()
                .map(|c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))
                .collect()
        }
    }
}
