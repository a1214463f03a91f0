//! The tariffs once more, copied from where they are told and not from the catalogue, so that tests can
//! hold the catalogue and what is charged by it against them.

/// Upper edge, customer's and business's part, in units.
pub type Bands = &'static [(i64, i64, i64)];

/// B2C fees (domain.md 6).
pub const FEE: Bands = &[(100, 0, 0), (1_500, 0, 5), (5_000, 0, 9), (20_000, 0, 11), (250_000, 0, 13)];
/// What a withdrawal costs (domain.md 6, and the public tariff beyond the bands that it names).
pub const WITHDRAWAL: Bands = &[
    (49, 0, 0),
    (100, 11, 0),
    (2_500, 29, 0),
    (3_500, 52, 0),
    (5_000, 69, 0),
    (7_500, 87, 0),
    (10_000, 115, 0),
    (15_000, 167, 0),
    (20_000, 185, 0),
    (35_000, 197, 0),
    (50_000, 278, 0),
    (250_000, 309, 0),
];
/// The same, borne by the business that pays out.
pub const WITHDRAWAL_PAID: Bands = &[
    (49, 0, 0),
    (100, 0, 11),
    (2_500, 0, 29),
    (3_500, 0, 52),
    (5_000, 0, 69),
    (7_500, 0, 87),
    (10_000, 0, 115),
    (15_000, 0, 167),
    (20_000, 0, 185),
    (35_000, 0, 197),
    (50_000, 0, 278),
    (250_000, 0, 309),
];
/// Pay Bill, shared (domain.md 6).
pub const MGAO: Bands = &[
    (100, 0, 0),
    (500, 5, 0),
    (1_000, 10, 0),
    (1_500, 10, 5),
    (2_500, 13, 7),
    (3_500, 16, 9),
    (5_000, 16, 18),
    (7_500, 17, 25),
    (10_000, 18, 30),
    (15_000, 18, 39),
    (20_000, 19, 43),
    (25_000, 20, 47),
    (30_000, 20, 52),
    (35_000, 21, 62),
    (40_000, 23, 76),
    (45_000, 23, 80),
    (250_000, 24, 84),
];
/// Between subscribers (the public tariff).
pub const SEND_MONEY: Bands = &[
    (100, 0, 0),
    (500, 7, 0),
    (1_000, 13, 0),
    (1_500, 23, 0),
    (2_500, 33, 0),
    (3_500, 53, 0),
    (5_000, 57, 0),
    (7_500, 78, 0),
    (10_000, 90, 0),
    (15_000, 100, 0),
    (20_000, 105, 0),
    (250_000, 108, 0),
];

/// Both parts of a charge for an amount, in cents.
pub fn charge(bands: Bands, amount: i64) -> (i64, i64) {
    bands.iter().find(|(up_to, ..)| amount <= up_to * 100).map_or((0, 0), |band| (band.1 * 100, band.2 * 100))
}
