//! The demonstration prints what its description promises.

use crate::support::Work;

#[test]
fn the_demonstration_survives_and_is_equal_to_the_truth() {
    let work = Work::new("");
    let shown = work.call(&["demo"]).expect(0).stdout;
    let survived = shown.lines().find(|l| l.starts_with("survived: ")).expect("a line of what was survived");
    let numbers: Vec<u64> = survived.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    // survived: R token renewals, L answers 429, F answers 5xx
    assert!(numbers[0] >= 5 && numbers[1] >= 1 && numbers[numbers.len() - 2] >= 1, "{survived}");
    assert_eq!(shown.matches("equal to the truth").count(), 4, "{shown}");
    assert!(work.path("out/demo/manifest.json").exists());
    // The demonstration also works over the files of an earlier one.
    work.call(&["demo", "--quiet"]).expect(0);
}
