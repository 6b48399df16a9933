//! What is promised, and the tests that fail without it: a test for each row of docs/cfssl.md and for each rule of
//! `doctor`. It fails for a row or a rule without a test, for an entry without a row, and for a test that is not in the
//! sources.
//!
//! A test is named by its module and its function, as in `cfssl::hosts::what_is_no_host_is_refused`. `commands::`,
//! `differences::`, `program::`, `properties::` and `safety::` are files in `pki-cli/tests`, and `zlint::` is one in
//! `tests/suite`.

// A failure of these is an error in this test.
#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pki_core::etcd::doctor;

/// Each row of the tables in docs/cfssl.md, by its section and its first cell, and the tests of it.
#[rustfmt::skip] // One line a row.
const ROWS: [(&str, &str, &[&str]); 76] = [
    ("Commands", "gencert (", &["program::every_command_has_a_help_with_an_example_and_its_exit_statuses", "commands::bare_writes_files_and_never_over_a_key"]),
    ("Commands", "cfssljson,", &["program::every_command_has_a_help_with_an_example_and_its_exit_statuses", "cfssl::cfssljson::three_files_are_written"]),
    ("Commands", "serve, ", &["properties::what_is_not_provided_says_what_to_use_instead", "properties::what_would_need_the_network_says_what_to_use_instead"]),
    ("What is new", "files without a pipe", &["commands::bare_writes_files_and_never_over_a_key"]),
    ("What is new", "renew a certificate for its own key", &["commands::from_keeps_the_key_and_everything_else", "x509::issuer::a_renewed_certificate_differs_in_serial_number_dates_and_issuer"]),
    ("What is new", "read a certificate or a request in words", &["commands::certinfo_tells_people_in_words", "commands::what_is_no_pem_is_read_or_named"]),
    ("What is new", "see everything in a certificate", &["commands::chains_are_found_and_bundles_described"]),
    ("What is new", "complete revocation lists", &["commands::lists_go_on_from_the_list_before", "x509::crl::a_list_says_what_its_template_says"]),
    ("What is new", "encrypted keys", &["differences::encrypted_keys_are_read_by_every_command", "x509::key::keys_with_a_password_are_opened_with_it"]),
    ("What is new", "scripts that renew", &["differences::a_whole_script_may_replace_keys"]),
    ("What is new", "keys as PKCS#8", &["differences::a_new_key_may_be_pkcs8"]),
    ("What is new", "more usages", &["differences::usages_may_be_identifiers_and_keys_comments"]),
    ("What is new", "comments", &["cfssl::config::comments_stand_anywhere_also_among_names", "differences::usages_may_be_identifiers_and_keys_comments"]),
    ("What is new", "bundles as files", &["differences::a_bundle_becomes_files"]),
    ("What is new", "DER, PKCS#7", &["x509::certificates_are_read_from_pem_and_der", "x509::requests_are_read_from_pem_and_der", "x509::key::a_key_is_read_in_each_of_its_forms", "x509::crl::a_list_says_what_its_template_says"]),
    ("What ends otherwise", "1", &["differences::a_ca_is_needed_to_sign"]),
    ("What ends otherwise", "2", &["differences::errors_are_seen_in_the_status"]),
    ("What ends otherwise", "3", &["cfssl::config::an_unknown_profile_is_an_error_and_not_the_default", "differences::a_profile_is_one_of_the_config"]),
    ("What is kept", "4", &["cfssl::csr_json::unknown_keys_are_told_at_every_depth", "cfssl::config::what_has_no_effect_and_what_is_unknown_is_told_at_every_depth", "cfssl::csr_json::everything_in_a_request_is_read", "go::json::the_last_of_repeated_keys_wins_whatever_its_case"]),
    ("What ends otherwise", "5", &["cfssl::config::what_a_profile_may_not_say_is_told", "cfssl::config::a_mistake_in_a_profile_is_an_error_where_it_is_used"]),
    ("What is kept", "6", &["x509::issuer::what_is_unusual_about_a_certificate_is_told", "differences::certificates_of_servers_without_names_and_of_the_name_of_their_ca_are_told"]),
    ("What ends otherwise", "7", &["x509::issuer::a_ca_issues_from_its_first_to_its_last_second", "x509::issuer::a_ca_is_a_certificate_that_may_sign_with_its_key", "differences::a_ca_that_has_ended_signs_nothing"]),
    ("What ends otherwise", "8", &["cfssl::sign::the_path_length_of_the_ca_limits_the_cas_that_it_issues", "differences::a_path_length_of_zero_allows_no_ca_below"]),
    ("What ends otherwise", "9", &["cfssl::config::what_a_profile_may_not_say_is_told", "cfssl::ca::a_ca_without_a_name_or_a_life_is_refused", "cfssl::sign::a_certificate_begins_and_ends_when_the_profile_says"]),
    ("What is made otherwise", "10", &["differences::hosts_of_the_command_line_are_trimmed_and_told"]),
    ("What is kept", "11", &["cfssl::hosts::spaces_and_empty_entries_are_told"]),
    ("What ends otherwise", "12", &["cfssl::hosts::what_is_no_host_is_refused", "cfssl::hosts::names_that_no_client_matches_are_told"]),
    ("What ends otherwise", "13", &["cfssl::hosts::names_outside_ascii_get_their_ascii_form"]),
    ("What ends otherwise", "14", &["cfssl::csr_json::what_a_request_may_not_say_is_told_with_its_place", "cfssl::csr_json::identifiers_keep_the_order_of_the_file"]),
    ("What ends otherwise", "15", &["cfssl::config::what_a_config_may_not_say_is_told_with_its_place", "cfssl::sign::a_certificate_begins_and_ends_when_the_profile_says", "cfssl::csr_json::what_a_request_may_not_say_is_told_with_its_place"]),
    ("What is kept", "16", &["cfssl::sign::a_ca_keeps_the_addresses_and_loses_the_names", "cfssl::ca::a_ca_is_what_its_section_says"]),
    ("What is made otherwise", "17", &["cfssl::csr_json::a_request_asks_for_names_ca_and_extensions"]),
    ("What is made otherwise", "18", &["differences::an_old_key_gets_what_the_request_says"]),
    ("What is made otherwise", "19", &["x509::root::a_renewed_root_keeps_name_and_extensions", "x509::root::only_a_root_with_its_key_is_renewed", "commands::a_renewed_root_still_stands_above_what_it_issued"]),
    ("What is made otherwise", "20", &["commands::sign_takes_der_and_a_subject_and_keeps_what_the_subject_does_not_say", "x509::name::of_several_common_names_the_last_counts", "x509::a_request_like_a_certificate_asks_for_its_name_and_names"]),
    ("What is kept", "21", &["cfssl::sign::copied_extensions_decide_about_no_ca_and_no_issuer", "commands::copied_extensions_give_no_power_away_unseen"]),
    ("What is made otherwise", "22", &["x509::longer_keys_sign_with_longer_hashes", "cfssl::config::settings_without_effect_are_told_one_by_one"]),
    ("What is kept", "23", &["cfssl::sign::a_name_whitelist_is_not_anchored_and_never_looks_at_addresses"]),
    ("What is made otherwise", "24", &["cfssl::config::settings_without_effect_are_told_one_by_one"]),
    ("What is made otherwise", "25", &["cfssl::config::settings_without_effect_are_told_one_by_one"]),
    ("What is made otherwise", "26", &["differences::ed25519_keys_have_the_label_that_openssl_reads"]),
    ("What is made otherwise", "27", &["differences::encrypted_keys_are_read_by_every_command"]),
    ("What ends otherwise", "28", &["x509::weak_keys_and_repeated_extensions_are_refused_in_requests", "x509::signatures_are_checked_by_key_and_algorithm", "x509::key::weak_and_unknown_keys_are_refused", "differences::requests_that_nobody_should_sign_are_refused"]),
    ("What is kept", "29", &["x509::issuer::what_is_unusual_about_a_certificate_is_told"]),
    ("What is kept", "30", &["x509::issuer::a_certificate_with_the_name_of_its_ca_has_no_authority_key_identifier", "x509::issuer::what_is_unusual_about_a_certificate_is_told"]),
    ("What ends otherwise", "31", &["cfssl::hosts::what_is_no_host_is_refused"]),
    ("What is made otherwise", "32", &["cfssl::ca::a_server_signs_itself_by_its_profile", "differences::selfsign_takes_the_host_and_the_profile"]),
    ("What ends otherwise", "33", &["cfssl::cfssljson::input_with_nothing_to_write_says_what_it_is"]),
    ("What ends otherwise", "34", &["cfssl::cfssljson::another_key_stops_everything_without_force", "cfssl::cfssljson::contents_come_in_order_with_their_modes", "cfssl::cfssljson::links_are_replaced_and_links_to_nothing_are_no_free_names", "cfssl::cfssljson::a_folder_in_the_way_leaves_no_partial_set"]),
    ("What ends otherwise", "35", &["cfssl::cfssljson::the_command_line_is_checked"]),
    ("What is made otherwise", "36", &["differences::everything_is_read_before_a_key_is_made"]),
    ("What ends otherwise", "37", &["differences::a_broken_config_is_found_by_every_command"]),
    ("What ends otherwise", "38", &["properties::what_is_not_provided_says_what_to_use_instead", "cfssl::serials::lines_name_a_serial_a_reason_and_a_date"]),
    ("What ends otherwise", "39", &["differences::lists_are_refused_for_the_wrong_key_and_without_a_life", "cfssl::serials::lines_that_say_something_else_are_named", "x509::crl::a_list_says_what_its_template_says"]),
    ("What is made otherwise", "40", &["commands::chains_are_found_and_bundles_described"]),
    ("What is kept", "41", &["cfssl::effect::flags_without_an_effect_are_told", "cfssl::effect::flags_act_or_are_refused", "differences::flags_without_a_say_are_told", "differences::flags_stand_before_the_files", "cfssl::goflag::near_misses_are_named"]),
    ("What ends otherwise", "42", &["differences::defaults_are_printed_in_a_fixed_order"]),
    ("What is kept", "43", &["differences::defaults_are_printed_in_a_fixed_order"]),
    ("What is kept", "44", &["x509::name::values_may_be_of_any_length"]),
    ("What is kept", "45", &["x509::name::a_value_is_a_printable_string_if_it_can_be", "x509::issuer::what_is_issued_says_what_the_template_says"]),
    ("What is made otherwise", "46", &["go::duration::days_and_years_compose", "cfssl::config::what_a_profile_says_is_read"]),
    ("What is kept", "47", &["cfssl::cfssljson::a_repeated_key_is_told", "go::json::a_repeated_key_is_told"]),
    ("What ends otherwise", "48", &["x509::acceptance::a_ca_issues_nothing_that_its_usages_do_not_allow", "x509::acceptance::a_ca_issues_nothing_that_its_name_constraints_do_not_allow", "x509::acceptance::a_ca_with_an_unknown_critical_extension_issues_nothing"]),
    ("What ends otherwise", "49", &["safety::names_with_control_characters_are_refused_with_their_place"]),
    ("What ends otherwise", "50", &["safety::a_result_that_would_be_lost_is_an_error"]),
    ("What ends otherwise", "51", &["safety::input_without_an_end_is_refused"]),
    ("What ends otherwise", "52", &["differences::requests_are_utf8_and_marks_are_no_part_of_them", "cfssl::text::other_encodings_are_named", "go::json::half_of_a_surrogate_pair_is_no_text"]),
    ("What is kept", "53", &["differences::what_is_of_no_use_when_it_is_made_is_told"]),
    ("What ends otherwise", "54", &["commands::chains_are_found_and_bundles_described"]),
    ("zlint", "`e_tls_server_cert_valid_time_longer_than_398_days`,", ZLINT),
    ("zlint", "`e_ca_country_name_missing`,", ZLINT),
    ("zlint", "`e_organizational_unit_name_prohibited`", ZLINT),
    ("zlint", "`e_ext_san_contains_reserved_ip`,", ZLINT),
    ("zlint", "`e_subject_common_name_not_exactly_from_san`", ZLINT),
    ("zlint", "`e_sub_cert_aia_missing`,", ZLINT),
    ("zlint", "`e_key_usage_and_extended_key_usage_inconsistent` (client),", ZLINT),
];

/// zlint itself judges whether the list is complete.
const ZLINT: &[&str] = &[
    "zlint::errors_about_the_guides_certificates_are_documented",
    "zlint::errors_about_a_clusters_certificates_are_documented",
];

/// The tests of the rules of `doctor`, and the numbers of the rules. Each test names the numbers.
#[rustfmt::skip] // One line a test.
const RULES: [(&str, &[&str]); 13] = [
    ("etcd::check::doctor::systemd_rules", &["E101", "E102", "E103", "E104", "E105", "E106", "E107", "E108", "E109", "E110", "E111", "E112", "E113", "E114", "E115", "E116", "E117", "E118", "E119", "E120", "E121"]),
    ("etcd::check::doctor::option_rules", &["E201", "E202", "E203", "E205", "E206", "E208", "E209", "E210", "E211", "E212", "E213", "E214", "E218", "E219"]),
    ("etcd::check::doctor::configuration_file_rules", &["E204", "E207", "E215", "E220"]),
    ("etcd::check::doctor::version_rules", &["E216", "E217"]),
    ("etcd::check::doctor::address_rules", &["E301", "E302", "E303", "E304", "E305", "E306", "E307", "E308", "E309", "E310"]),
    ("etcd::check::doctor::cluster_rules", &["E321", "E322", "E323", "E324", "E325", "E326", "E327"]),
    ("etcd::check::doctor::trust_rules", &["E401", "E402", "E403", "E404", "E405", "E406", "E407", "E408", "E409", "E410", "E411", "E412", "E414", "E415"]),
    ("etcd::check::doctor::address_rules", &["E413"]),
    ("etcd::check::doctor::certificate_rules", &["E501", "E503", "E504", "E506", "E507", "E508", "E509", "E510", "E511", "E521"]),
    ("etcd::check::doctor::members_on_one_host_need_the_loopback", &["E505", "E512"]),
    ("etcd::check::doctor::odd_certificates", &["E502", "E514", "E515", "E516", "E517", "E518", "E519"]),
    ("etcd::check::doctor::file_rules", &["E513", "E520", "E601", "E602", "E603", "E604", "E605", "E606", "E607"]),
    ("etcd::check::doctor::revocation_rules", &["E701", "E702", "E703", "E704"]),
];

/// Rules whose tests are about nothing else.
const MORE_RULES: [(&str, &[&str]); 3] = [
    ("etcd::check::doctor::what_etcd_made_itself_is_judged", &["E610"]),
    ("etcd::check::doctor::owners_are_judged_on_the_host_itself", &["E608"]),
    ("etcd::check::doctor::files_that_are_too_large_are_told_of", &["E609"]),
];

#[test]
fn every_row_of_the_differences_from_cfssl_has_a_test() {
    let text = fs::read_to_string(root().join("docs/cfssl.md")).unwrap();
    let listed = |(section, row, _): &(&'static str, &'static str, &[&str])| (*section, *row);
    let missing = unlisted(&rows(&text), &ROWS.iter().map(listed).collect::<Vec<_>>());
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_rule_of_doctor_has_a_test_that_names_it() {
    let tests = tests(&root());
    let listed: Vec<(&str, &str)> = RULES
        .iter()
        .chain(&MORE_RULES)
        .flat_map(|(test, rules)| rules.iter().map(move |rule| (*test, *rule)))
        .collect();
    let ids: Vec<&str> = doctor::rules().map(|rule| rule.id).collect();
    let wrong = wrong_rules(&ids, &listed, &tests);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_test_that_is_named_is_there() {
    let tests = tests(&root());
    let named = ROWS.iter().flat_map(|(.., tests)| tests.iter());
    let absent = absent(named.copied().chain(RULES.iter().chain(&MORE_RULES).map(|(test, _)| *test)), &tests);
    assert!(absent.is_empty(), "there are no such tests:\n{}", absent.join("\n"));
}

/// The list can fail.
#[test]
fn a_gap_in_the_list_is_found() {
    let text = "## A\n\n| x | y |\n|---|---|\n| one | 1 |\n| two | 2 |\n\n## B\n\ntext\n";
    assert_eq!(rows(text), [("A".to_owned(), "one".to_owned()), ("A".to_owned(), "two".to_owned())]);
    let missing = unlisted(&rows(text), &[("A", "one"), ("A", "three")]);
    assert_eq!(missing, ["A: there is no test for the row `two`", "A: there is no row `three`"]);
    let twice = unlisted(&rows(text), &[("A", "one"), ("A", "one"), ("A", "two")]);
    assert_eq!(twice, ["A: the row `one` is listed twice"]);
    let bodies = BTreeMap::from([("a::b".to_owned(), "{ \"E1\" }".to_owned())]);
    assert_eq!(absent(["a::b", "a::c"].into_iter(), &bodies), ["a::c"]);
    let wrong = wrong_rules(&["E1", "E2"], &[("a::b", "E1"), ("a::b", "E3")], &bodies);
    assert_eq!(wrong, ["there is no test for E2", "there is no rule E3", "a::b does not name E3"]);
}

/// Rows without an entry, entries without a row, and entries that are there twice.
fn unlisted(rows: &[(String, String)], listed: &[(&str, &str)]) -> Vec<String> {
    let is = |row: &(String, String), (section, start): &(&str, &str)| {
        let number = start.chars().all(|c| c.is_ascii_digit());
        row.0 == *section && if number { row.1 == *start } else { row.1.starts_with(start) }
    };
    let mut wrong = Vec::new();
    for row in rows {
        match listed.iter().filter(|entry| is(row, entry)).count() {
            0 => wrong.push(format!("{}: there is no test for the row `{}`", row.0, row.1)),
            1 => {}
            _ => wrong.push(format!("{}: the row `{}` is listed twice", row.0, row.1)),
        }
    }
    for entry in listed.iter().filter(|entry| !rows.iter().any(|row| is(row, entry))) {
        wrong.push(format!("{}: there is no row `{}`", entry.0, entry.1));
    }
    wrong
}

/// The first cells of all rows of tables, each with the heading above it.
fn rows(text: &str) -> Vec<(String, String)> {
    let (mut section, mut is_in_table, mut rows) = (String::new(), false, Vec::new());
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading.to_owned();
        }
        let Some(cells) = line.strip_prefix("| ") else {
            // The line below the head of a table.
            is_in_table = line.starts_with("|---");
            continue;
        };
        if is_in_table {
            rows.push((section.clone(), cells.split(" | ").next().unwrap().to_owned()));
        }
    }
    rows
}

/// Rules without a test, entries without a rule, and tests that do not name their rules.
fn wrong_rules(ids: &[&str], listed: &[(&str, &str)], tests: &BTreeMap<String, String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for id in ids.iter().filter(|id| !listed.iter().any(|(_, rule)| rule == *id)) {
        wrong.push(format!("there is no test for {id}"));
    }
    for (_, rule) in listed.iter().filter(|(_, rule)| !ids.contains(rule)) {
        wrong.push(format!("there is no rule {rule}"));
    }
    for (test, rule) in listed {
        let body = tests.get(*test).map(String::as_str).unwrap_or_default();
        if !body.contains(&format!("\"{rule}\"")) {
            wrong.push(format!("{test} does not name {rule}"));
        }
    }
    wrong
}

fn absent<'a>(named: impl Iterator<Item = &'a str>, tests: &BTreeMap<String, String>) -> Vec<&'a str> {
    let absent: BTreeSet<&str> = named.filter(|test| !tests.contains_key(*test)).collect();
    absent.into_iter().collect()
}

/// The texts of all tests by their names. A function of `tests/suite` is a test if a list of trials has it.
fn tests(root: &Path) -> BTreeMap<String, String> {
    let mut tests = BTreeMap::new();
    for (folder, is_suite) in [
        ("pki-core/src", false),
        ("pki-core/tests", false),
        ("pki-cli/src", false),
        ("pki-cli/tests", false),
        ("tests/suite", true),
    ] {
        let folder = root.join(folder);
        for file in sources(&folder) {
            let text = fs::read_to_string(&file).unwrap();
            let relative = file.strip_prefix(&folder).unwrap().with_extension("");
            let parts: Vec<&str> = relative.iter().map(|part| part.to_str().unwrap()).collect();
            let module: Vec<&str> = parts.into_iter().filter(|part| *part != "tests").collect();
            for (name, body) in functions(&text, is_suite) {
                let path: Vec<&str> = module.iter().copied().chain([name.as_str()]).collect();
                tests.insert(path.join("::"), body);
            }
        }
    }
    tests
}

/// The tests of a source with their texts.
fn functions(text: &str, is_suite: bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("fn ") {
        let rest = &text[start + 3..];
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let line = text[..start].rsplit('\n').next().unwrap();
        if name.is_empty() || !line.trim().is_empty() {
            continue;
        }
        let is_listed = |text: &str| text.matches(name.as_str()).count() > 1;
        let above = text[..start].trim_end();
        if (is_suite && is_listed(text)) || above.ends_with("#[test]") {
            // A function ends at a brace in the column of its beginning.
            let end = rest.find(&format!("\n{line}}}")).unwrap_or(rest.len());
            found.push((name, rest[..end].to_owned()));
        }
    }
    found
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
