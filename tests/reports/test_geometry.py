from stillmotion.reports.geometry import polyline, scale, ticks
from stillmotion.reports.rendering import number, p_value, percent, points, seconds


def test_ticks_are_round_and_inside() -> None:
    assert ticks(0, 100) == [0, 20, 40, 60, 80, 100]
    assert ticks(-7, 11) == [-5, 0, 5, 10]
    assert ticks(0.01, 0.032, 4) == [0.01, 0.02, 0.03]
    assert ticks(3, 3) == [3]


def test_scales_stay_inside_and_lines_go_up() -> None:
    x = scale(2, 4)
    assert (x(1), x(3), x(9)) == (0, 50, 100)
    assert scale(1, 1)(1) == 0
    assert polyline([2, 4], [0, 1], x, scale(0, 1)) == "0.00,100.00 100.00,0.00"


def test_numbers_for_people() -> None:
    assert percent(0.931) == "93\N{NO-BREAK SPACE}%"
    assert percent(0.998) == "99.8\N{NO-BREAK SPACE}%"
    assert percent(None) == "\N{EN DASH}"
    assert points(-0.03) == "\N{MINUS SIGN}3"
    assert points(0.001) == "0"
    assert number(1234567) == "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"
    assert number(4.123) == "4.12"
    assert seconds(200) == "3\N{NO-BREAK SPACE}min 20\N{NO-BREAK SPACE}s"
    assert [p_value(p) for p in (1e-12, 0.031, 0.9952)] == ["< 0.001", "= 0.031", "> 0.99"]
