//! The routing search: its order, each kind of piece, and everything that declines.
//!
//! That it agrees with Werkzeug is shown by `tests/test_routing_index.py`.

use bustapi_core::rules::{
    Conversion, MAX_DEPTH, MAX_VALUES, Outcome, Piece, RuleIndex, RuleSpec, StateSpec, Transition,
    Value,
};
use proptest::prelude::*;

const INT: Piece = Piece::Int { signed: false };
const TEXT: Piece = Piece::Text {
    least: 1,
    most: None,
};

fn literal(text: &str) -> Piece {
    Piece::Literal(text.into())
}

fn any(items: &[&str]) -> Piece {
    Piece::Any(items.iter().map(|item| (*item).into()).collect())
}

/// One step of a rule.
#[derive(Clone)]
enum Part {
    Static(&'static str),
    Dynamic(Vec<Piece>),
    Final(Vec<Piece>),
    /// Final, with an optional slash of its own; a static empty segment follows it.
    Suffixed(Vec<Piece>),
    Opaque,
}

/// Rules put together as Werkzeug does, except that no dynamic transition is shared.
struct Tree {
    states: Vec<StateSpec>,
    rules: Vec<RuleSpec>,
}

impl Tree {
    fn new() -> Self {
        Self {
            states: vec![StateSpec::default()],
            rules: Vec::new(),
        }
    }

    fn get(self, parts: &[Part]) -> Self {
        let values = parts.iter().map(Part::values).sum();

        self.rule(
            parts,
            RuleSpec {
                methods: Some(vec!["GET".into()]),
                strict_slashes: true,
                is_websocket: false,
                conversions: Some(vec![Conversion::Text; values]),
            },
        )
    }

    fn rule(mut self, parts: &[Part], rule: RuleSpec) -> Self {
        let mut state = 0;

        for part in parts {
            state = self.follow(state, part);
        }

        self.states[state].rules.push(self.rules.len() as u32);
        self.rules.push(rule);
        self
    }

    fn follow(&mut self, state: usize, part: &Part) -> usize {
        if let Part::Static(segment) = part {
            let known = self.states[state]
                .statics
                .iter()
                .find(|(text, _)| text == segment);

            if let Some((_, to)) = known {
                return *to as usize;
            }
        }

        let to = self.states.len();
        self.states.push(StateSpec::default());

        let (pieces, is_final, is_suffixed) = match part {
            Part::Static(segment) => {
                self.states[state]
                    .statics
                    .push(((*segment).into(), to as u32));
                return to;
            }
            Part::Dynamic(pieces) => (Some(pieces.clone()), false, false),
            Part::Final(pieces) => (Some(pieces.clone()), true, false),
            Part::Suffixed(pieces) => (Some(pieces.clone()), true, true),
            Part::Opaque => (None, false, false),
        };

        let transition = Transition {
            pieces,
            is_final,
            is_suffixed,
            to: to as u32,
        };
        self.states[state].dynamics.push(transition);
        to
    }

    fn index(self) -> RuleIndex {
        RuleIndex::new(self.states, self.rules).expect("the states are a tree")
    }
}

impl Part {
    fn values(&self) -> usize {
        match self {
            Self::Static(_) | Self::Opaque => 0,
            Self::Dynamic(pieces) | Self::Final(pieces) | Self::Suffixed(pieces) => pieces
                .iter()
                .filter(|piece| !matches!(piece, Piece::Literal(_)))
                .count(),
        }
    }
}

/// What a look-up says, in a form that is compared in one assertion.
#[derive(Debug, PartialEq)]
enum Answer {
    Hit(u32, Vec<String>),
    Miss,
    Declined,
}

use Answer::{Declined, Miss};

fn hit(rule: u32, values: &[&str]) -> Answer {
    Answer::Hit(rule, values.iter().map(|value| (*value).into()).collect())
}

fn ask(index: &RuleIndex, method: &str, path: &str) -> Answer {
    match index.find(method, path) {
        Outcome::Miss => Miss,
        Outcome::Declined => Declined,
        Outcome::Hit(hit) => {
            let values = index.values(&hit, path).map(|value| match value {
                Value::Text(text) => text.to_owned(),
                other => format!("{other:?}"),
            });

            Answer::Hit(hit.rule, values.collect())
        }
    }
}

/// Match one expression against one segment.
fn match_segment(pieces: &[Piece], segment: &str) -> Answer {
    let index = Tree::new().get(&[Part::Dynamic(pieces.to_vec())]).index();
    ask(&index, "GET", &format!("/{segment}"))
}

/// Match one expression against the rest of a path.
fn match_rest(pieces: &[Piece], rest: &str) -> Answer {
    let index = Tree::new().get(&[Part::Final(pieces.to_vec())]).index();
    ask(&index, "GET", &format!("/{rest}"))
}

fn convert(piece: Piece, conversion: Conversion, text: &str) -> Answer {
    let rule = RuleSpec {
        conversions: Some(vec![conversion]),
        ..RuleSpec::default()
    };
    let index = Tree::new()
        .rule(&[Part::Dynamic(vec![piece])], rule)
        .index();
    ask(&index, "GET", &format!("/{text}"))
}

#[test]
fn each_piece_matches_what_its_expression_matches() {
    let signed = Piece::Int { signed: true };
    let float = Piece::Float { signed: false };
    let signed_float = Piece::Float { signed: true };
    let uuid = "0123abCD-0000-1111-2222-0123456789ef";

    for (pieces, segment, answer) in [
        (vec![literal("a")], "a", hit(0, &[])),
        (vec![literal("a")], "ab", Miss),
        (vec![TEXT], "grüße\n", hit(0, &["grüße\n"])),
        (
            vec![Piece::Text {
                least: 2,
                most: Some(2),
            }],
            "üß",
            hit(0, &["üß"]),
        ),
        (
            vec![Piece::Text {
                least: 2,
                most: Some(2),
            }],
            "ü",
            Miss,
        ),
        (
            vec![Piece::Text {
                least: 2,
                most: Some(2),
            }],
            "abc",
            Miss,
        ),
        (
            vec![Piece::Text {
                least: 0,
                most: Some(1),
            }],
            "",
            hit(0, &[""]),
        ),
        (vec![INT], "007", hit(0, &["007"])),
        (vec![INT], "-7", Miss),
        (vec![INT], "", Miss),
        (vec![INT], "1x", Miss),
        (vec![signed.clone()], "-7", hit(0, &["-7"])),
        (vec![signed.clone()], "--7", Miss),
        (vec![signed], "-", Miss),
        (vec![float.clone()], "1.50", hit(0, &["1.50"])),
        (vec![float.clone()], "1.", Miss),
        (vec![float.clone()], ".5", Miss),
        (vec![float], "-1.5", Miss),
        (vec![signed_float], "-1.5", hit(0, &["-1.5"])),
        (vec![Piece::Uuid], uuid, hit(0, &[uuid])),
        (
            vec![Piece::Uuid],
            "0123abCD-0000-1111-2222-0123456789e",
            Miss,
        ),
        (
            vec![Piece::Uuid],
            "0123abCD_0000-1111-2222-0123456789ef",
            Miss,
        ),
        (
            vec![Piece::Uuid],
            "0123abCDé0000-1111-2222-0123456789e",
            Miss,
        ),
        (vec![any(&["a", "ab"])], "ab", hit(0, &["ab"])),
        (vec![any(&["a", "ab"])], "b", Miss),
        (vec![Piece::Path], "a", hit(0, &["a"])),
    ] {
        assert_eq!(
            match_segment(&pieces, segment),
            answer,
            "{pieces:?} on {segment:?}"
        );
    }
}

#[test]
fn pieces_give_way_to_those_after_them_as_an_expression_does() {
    let digits = Piece::Float { signed: false };
    let short = Piece::Text {
        least: 1,
        most: Some(2),
    };

    for (pieces, segment, answer) in [
        // As much as possible, then less.
        (
            vec![TEXT, literal("."), TEXT],
            "a.b.c",
            hit(0, &["a.b", "c"]),
        ),
        (vec![short, TEXT], "äöü", hit(0, &["äö", "ü"])),
        (vec![INT, INT], "123", hit(0, &["12", "3"])),
        (vec![digits, INT], "1.23", hit(0, &["1.2", "3"])),
        (vec![INT, literal("3")], "333", hit(0, &["33"])),
        (vec![INT, INT], "1", Miss),
        // The first item, then later ones.
        (
            vec![any(&["a", "ab"]), literal("c")],
            "abc",
            hit(0, &["ab"]),
        ),
        (vec![any(&["a", "ab"]), TEXT], "abc", hit(0, &["a", "bc"])),
        // As little as possible, then more.
        (
            vec![Piece::Path, literal("-"), TEXT],
            "a-b-c",
            hit(0, &["a", "b-c"]),
        ),
    ] {
        assert_eq!(
            match_segment(&pieces, segment),
            answer,
            "{pieces:?} on {segment:?}"
        );
    }
}

#[test]
fn a_path_piece_takes_slashes_but_starts_with_none() {
    let edit = [Piece::Path, literal("/edit")];

    assert_eq!(match_rest(&[Piece::Path], "a/b/c"), hit(0, &["a/b/c"]));
    assert_eq!(match_rest(&[Piece::Path], ""), Miss);
    assert_eq!(match_rest(&edit, "a/edit/edit"), hit(0, &["a/edit"]));
    assert_eq!(match_rest(&edit, "a/edit/"), Miss);
    // Its first character may be anything else, the others no line feed.
    assert_eq!(match_rest(&[Piece::Path], "\na"), hit(0, &["\na"]));
    assert_eq!(match_rest(&[Piece::Path], "a\n"), Miss);
    assert_eq!(match_rest(&edit, "a\n/edit"), Miss);
}

#[test]
fn a_suffixed_part_leaves_its_slash_to_the_next_state() {
    let parts = [Part::Suffixed(vec![Piece::Path]), Part::Static("")];
    let index = Tree::new().get(&parts).index();

    assert_eq!(ask(&index, "GET", "/a/b/"), hit(0, &["a/b"]));
    // Werkzeug redirects to the path with the slash.
    assert_eq!(ask(&index, "GET", "/a/b"), Declined);
}

#[test]
fn static_segments_come_first_and_are_left_again() {
    let index = Tree::new()
        .get(&[Part::Dynamic(vec![TEXT]), Part::Static("c")])
        .get(&[Part::Static("a"), Part::Static("b")])
        .get(&[Part::Final(vec![Piece::Path])])
        .index();

    assert_eq!(ask(&index, "GET", "/a/b"), hit(1, &[]));
    assert_eq!(ask(&index, "GET", "/a/c"), hit(0, &["a"]));
    assert_eq!(ask(&index, "GET", "/a/d"), hit(2, &["a/d"]));
}

#[test]
fn the_search_goes_on_where_a_rule_does_not_allow_the_method() {
    let post = RuleSpec {
        methods: Some(vec!["POST".into()]),
        conversions: Some(vec![Conversion::Text]),
        ..RuleSpec::default()
    };
    let index = Tree::new()
        .get(&[Part::Static("a"), Part::Dynamic(vec![INT])])
        .rule(&[Part::Static("a"), Part::Final(vec![Piece::Path])], post)
        .index();

    assert_eq!(ask(&index, "GET", "/a/1"), hit(0, &["1"]));
    assert_eq!(ask(&index, "POST", "/a/1"), hit(1, &["1"]));
    assert_eq!(ask(&index, "PUT", "/a/1"), Miss);
}

#[test]
fn a_static_path_is_found_whatever_stands_beside_it() {
    let index = Tree::new()
        .get(&[Part::Static("a"), Part::Static("b")])
        .get(&[Part::Static("a"), Part::Static("b"), Part::Static("")])
        .get(&[Part::Static(""), Part::Static("c")])
        .get(&[Part::Static("d/e")])
        .get(&[Part::Dynamic(vec![TEXT]), Part::Static("b")])
        .get(&[Part::Static("")])
        .index();

    assert_eq!(ask(&index, "GET", "/a/b"), hit(0, &[]));
    assert_eq!(ask(&index, "GET", "/a/b/"), hit(1, &[]));
    assert_eq!(ask(&index, "GET", "/"), hit(5, &[]));
    assert_eq!(ask(&index, "GET", "/z/b"), hit(4, &["z"]));
    assert_eq!(ask(&index, "GET", "//c"), Declined);
    assert_eq!(ask(&index, "GET", "/d/e"), Miss);
    assert_eq!(ask(&index, "POST", "/a/b"), Miss);
    assert_eq!(ask(&index, "get", "/a/b"), Declined);
    assert_eq!(ask(&index, "", "/a/b"), Declined);
}

#[test]
fn rules_for_websockets_are_passed_over() {
    let socket = RuleSpec {
        is_websocket: true,
        ..RuleSpec::default()
    };
    let index = Tree::new()
        .rule(&[Part::Static("a")], socket)
        .get(&[Part::Dynamic(vec![TEXT])])
        .index();

    assert_eq!(ask(&index, "GET", "/a"), hit(1, &["a"]));
}

#[test]
fn a_final_slash_is_optional_only_for_a_lenient_rule() {
    let lenient = RuleSpec {
        conversions: Some(vec![]),
        ..RuleSpec::default()
    };
    let index = Tree::new()
        .get(&[Part::Static("strict")])
        .get(&[Part::Static("strict-slash"), Part::Static("")])
        .rule(&[Part::Static("lenient")], lenient.clone())
        .rule(&[Part::Static("lenient-slash"), Part::Static("")], lenient)
        .index();

    for (path, answer) in [
        ("/strict", hit(0, &[])),
        ("/strict/", Miss),
        ("/strict-slash", Declined),
        ("/strict-slash/", hit(1, &[])),
        ("/lenient", hit(2, &[])),
        ("/lenient/", hit(2, &[])),
        ("/lenient-slash", hit(3, &[])),
        ("/lenient-slash/", hit(3, &[])),
    ] {
        assert_eq!(ask(&index, "GET", path), answer, "{path}");
    }

    // No redirect without a rule for the method behind it.
    assert_eq!(ask(&index, "POST", "/strict-slash"), Miss);
}

#[test]
fn an_opaque_transition_declines_unless_there_was_a_hit_before() {
    let index = Tree::new()
        .get(&[Part::Dynamic(vec![INT])])
        .get(&[Part::Opaque, Part::Static("b")])
        .get(&[Part::Static("a")])
        .index();

    assert_eq!(ask(&index, "GET", "/a"), hit(2, &[]));
    assert_eq!(ask(&index, "GET", "/1"), hit(0, &["1"]));
    assert_eq!(ask(&index, "GET", "/x"), Declined);
    assert_eq!(ask(&index, "POST", "/a"), Declined);
}

#[test]
fn a_rule_that_cannot_be_converted_here_declines() {
    let index = Tree::new()
        .rule(&[Part::Static("a")], RuleSpec::default())
        .index();

    assert_eq!(ask(&index, "GET", "/a"), Declined);
}

#[test]
fn a_digit_piece_declines_what_python_may_take_for_a_digit() {
    assert_eq!(match_segment(&[INT], "1٣"), Declined);
    assert_eq!(match_segment(&[INT], "ü"), Declined);
    assert_eq!(
        match_segment(&[Piece::Float { signed: true }], "-1.5٣"),
        Declined
    );
    // Decided before the character is met.
    assert_eq!(match_segment(&[literal("a"), INT], "bü"), Miss);
    assert_eq!(
        match_segment(&[INT, literal("-"), TEXT], "1-ü"),
        hit(0, &["1", "ü"])
    );
}

#[test]
fn odd_paths_and_methods_decline() {
    let index = Tree::new().get(&[Part::Static("a")]).index();

    for path in ["", "a", "//", "//a", "/a//", "a/a"] {
        assert_eq!(ask(&index, "GET", path), Declined, "{path}");
    }

    for method in ["", "get", "GEt", "GÉT"] {
        assert_eq!(ask(&index, method, "/a"), Declined, "{method}");
    }

    assert_eq!(ask(&RuleIndex::default(), "GET", "/"), Declined);
}

#[test]
fn values_are_converted_within_the_rules_bounds() {
    let unbounded = Conversion::Int {
        fixed_digits: 0,
        least: None,
        most: None,
    };
    let bounded = Conversion::Int {
        fixed_digits: 0,
        least: Some(-2),
        most: Some(5),
    };
    let fixed = Conversion::Int {
        fixed_digits: 3,
        least: None,
        most: None,
    };
    let signed = Piece::Int { signed: true };
    let nines = "9".repeat(18);
    let many = "9".repeat(641);

    for (conversion, text, answer) in [
        (&unbounded, "-007", hit(0, &["Int(-7)"])),
        (
            &unbounded,
            nines.as_str(),
            hit(0, &["Int(999999999999999999)"]),
        ),
        (
            &unbounded,
            "9999999999999999999",
            hit(0, &["Digits(\"9999999999999999999\")"]),
        ),
        (&unbounded, many.as_str(), Declined),
        (&bounded, "-2", hit(0, &["Int(-2)"])),
        (&bounded, "-3", Declined),
        (&bounded, "5", hit(0, &["Int(5)"])),
        (&bounded, "6", Declined),
        (&bounded, "9999999999999999999", Declined),
        (&fixed, "007", hit(0, &["Int(7)"])),
        (&fixed, "-07", hit(0, &["Int(-7)"])),
        (&fixed, "0007", Declined),
    ] {
        let found = convert(signed.clone(), conversion.clone(), text);
        assert_eq!(found, answer, "{conversion:?} of {text}");
    }

    let float = Conversion::Float {
        least: Some(0.5),
        most: Some(1.5),
    };

    for (text, answer) in [
        ("0.5", hit(0, &["Float(0.5)"])),
        ("0.49", Declined),
        ("1.50", hit(0, &["Float(1.5)"])),
        ("1.51", Declined),
    ] {
        let piece = Piece::Float { signed: false };
        assert_eq!(convert(piece, float.clone(), text), answer, "{text}");
    }
}

#[test]
fn a_search_that_takes_too_long_declines() {
    let mut pieces = Vec::new();

    for _ in 0..6 {
        pieces.extend([Piece::Path, literal("a")]);
    }

    pieces.push(literal("b"));

    assert_eq!(match_rest(&pieces, &"a".repeat(200)), Declined);
}

#[test]
fn more_values_than_the_search_carries_decline() {
    let most = vec![Part::Dynamic(vec![TEXT]); MAX_VALUES];
    let more = vec![Part::Dynamic(vec![TEXT]); MAX_VALUES + 1];

    let index = Tree::new().get(&most).index();
    assert!(matches!(
        index.find("GET", &"/a".repeat(MAX_VALUES)),
        Outcome::Hit(_)
    ));

    let index = Tree::new().get(&more).index();
    assert!(matches!(
        index.find("GET", &"/a".repeat(MAX_VALUES + 1)),
        Outcome::Declined
    ));
}

#[test]
fn more_methods_than_the_index_tells_apart_decline() {
    let methods = (0..70).map(|number| format!("M{number}"));
    let rule = RuleSpec {
        methods: Some(methods.collect()),
        conversions: Some(vec![]),
        ..RuleSpec::default()
    };
    let index = Tree::new().rule(&[Part::Static("a")], rule).index();

    for method in ["M0", "M69", "GET"] {
        assert_eq!(ask(&index, method, "/a"), Declined, "{method}");
    }
}

#[test]
fn all_sixty_four_methods_are_told_apart() {
    let rule = RuleSpec {
        methods: Some((0..64).map(|number| format!("M{number}")).collect()),
        conversions: Some(vec![]),
        ..RuleSpec::default()
    };
    let index = Tree::new().rule(&[Part::Static("a")], rule).index();

    assert_eq!(ask(&index, "M63", "/a"), hit(0, &[]));
    assert_eq!(ask(&index, "GET", "/a"), Miss);
}

#[test]
fn states_that_are_no_tree_are_refused() {
    let to = |number| StateSpec {
        statics: vec![("a".into(), number)],
        ..StateSpec::default()
    };
    let leaf = StateSpec::default;
    let rule = StateSpec {
        rules: vec![0],
        ..StateSpec::default()
    };

    let twice = StateSpec {
        statics: vec![("a".into(), 1), ("b".into(), 1)],
        ..StateSpec::default()
    };

    for states in [
        vec![to(0)],
        vec![to(1)],
        vec![to(1), to(0)],
        vec![twice, leaf()],
        vec![rule],
    ] {
        assert!(
            RuleIndex::new(states.clone(), vec![]).is_none(),
            "{states:?}"
        );
    }

    let chain = |depth: u32| (1..=depth).map(to).chain([leaf()]).collect();

    assert!(RuleIndex::new(chain(MAX_DEPTH), vec![]).is_some());
    assert!(RuleIndex::new(chain(MAX_DEPTH + 1), vec![]).is_none());
}

/// A piece and a text that it can match.
fn piece_with_text() -> impl Strategy<Value = (Piece, String)> {
    prop_oneof![
        "[ab.ü-]{1,3}".prop_map(|text| (Piece::Literal(text.clone()), text)),
        "[ab1.ü]{1,4}".prop_map(|text| (TEXT, text)),
        "[ab1ü]{2,3}".prop_map(|text| (
            Piece::Text {
                least: 2,
                most: Some(3)
            },
            text
        )),
        "[0-9]{1,4}".prop_map(|text| (INT, text)),
        "-?[0-9]{1,2}".prop_map(|text| (Piece::Int { signed: true }, text)),
        "[0-9]{1,2}\\.[0-9]{1,2}".prop_map(|text| (Piece::Float { signed: false }, text)),
        "[ab]{1,2}".prop_map(|text| (any(&["a", "b", "ab", "ba", "aa", "bb"]), text)),
        "[ab1ü][ab1/ü]{0,3}".prop_map(|text| (Piece::Path, text)),
    ]
}

proptest! {
    #[test]
    fn a_text_made_of_what_the_pieces_match_is_never_missed(
        parts in prop::collection::vec(piece_with_text(), 1..6),
    ) {
        let (pieces, texts): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let text = texts.concat();
        prop_assume!(!text.contains("//"));

        prop_assert_ne!(match_rest(&pieces, &text), Miss);
    }

    #[test]
    fn the_values_and_literals_of_a_hit_make_up_its_path(
        parts in prop::collection::vec(piece_with_text(), 1..6),
        other in "[ab1.ü/-]{0,6}",
    ) {
        let (pieces, texts): (Vec<_>, Vec<_>) = parts.into_iter().unzip();

        for text in [texts.concat(), other] {
            if let Answer::Hit(_, values) = match_rest(&pieces, &text) {
                let mut values = values.into_iter();
                let whole: String = pieces
                    .iter()
                    .map(|piece| match piece {
                        Piece::Literal(literal) => literal.clone(),
                        _ => values.next().expect("a value for each piece"),
                    })
                    .collect();

                prop_assert_eq!(whole, text);
                prop_assert!(values.next().is_none());
            }
        }
    }

    #[test]
    fn any_method_and_path_can_be_asked_for(method in ".{0,5}", path in "/?[ab/1.ü-]{0,12}") {
        let index = Tree::new()
            .get(&[Part::Dynamic(vec![INT, literal("-"), TEXT]), Part::Static("")])
            .get(&[Part::Static("a"), Part::Suffixed(vec![Piece::Path]), Part::Static("")])
            .get(&[Part::Dynamic(vec![any(&["a", "b"])]), Part::Dynamic(vec![TEXT])])
            .get(&[Part::Final(vec![Piece::Path, literal(".b")])])
            .index();

        ask(&index, &method, &path);
        ask(&index, "GET", &path);
    }
}
