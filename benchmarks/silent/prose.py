"""Made-up text in several languages and kinds: no two rows alike, as rows of people are not."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

from silent.material import Row, dialogue

ENGLISH = (
    "the river carries slow boats past a stone mill where two brothers grind barley for bread and beer while their "
    "neighbour repairs old clocks that nobody else in town still understands because each wheel was cut by hand when "
    "winters were longer and letters took weeks so people learned patience from weather markets harvest music debt "
    "children promises shoes lamps bridges winters maps"
).split()
CHINESE = (
    "今天 天气 学校 老师 我们 讨论 数学 问题 为什么 因为 孩子 学习 新的 方法 城市 河流 经过 古老 桥梁 "
    "晚上 月亮 照着 安静 街道 朋友 带来 一本 有趣 历史 书籍 说明 农民 如何 种植 水稻 他们 每年 春天 开始 "
    "工作 秋天 收获 庆祝 节日 家庭 团聚 音乐 故事 传统 变化 未来"
).split()
ARABIC = (
    "في الصباح يذهب الطالب إلى المدرسة القديمة قرب النهر حيث يدرس العلوم واللغة مع أصدقائه ثم يعود مساء "
    "ليقرأ كتابا عن تاريخ المدن والتجارة والسفر عبر الصحراء لأن والده كان تاجرا يعرف الطرق والنجوم وقصص "
    "البحر والرياح"
).split()
JAPANESE = (
    "朝 早く 起きて 山 へ 登る 友達 と 一緒に 温かい お茶 を 飲み ながら 遠い 海 を 眺めた それは 静かな "
    "秋 の 一日 だった 本 も 読む"
).split()
CYRILLIC = (
    "утром старый мастер открыл лавку и долго чинил часы потом пришла девочка с письмом о дальней дороге "
    "где снег лежит до мая и люди поют песни о море которого никогда не видели но помнят по рассказам "
    "деда"
).split()
HINDI = (
    "सुबह गाँव के किसान खेत में काम करते हैं और बच्चे नदी के पास खेलते हुए पुरानी कहानियाँ सुनाते हैं जब "
    "शाम को बारिश आती है तो सब घर लौटकर चाय पीते और गीत गाते हैं"
).split()
ACCENTS = (
    "déjà l'été s'achève où naïf garçon cherchait œuvre façade São João coração irmã Straße größer Übung señor mañana "
    "niño corazón čeština příliš žluťoučký kůň zażółć gęślą jaźń"
).split()
EMOJI = "🙂 🚀 🍜 🎉 👩‍🔬 🇧🇷 ❤️ 🐢 🌧️ 👍🏽 🧮 🎻".split()


def sentence(draw: random.Random, words: list[str], count: int, joint: str = " ") -> str:
    """So many words, in any order, with a full stop."""
    return joint.join(draw.choice(words) for _ in range(count)) + ("。" if joint == "" else ".")


def talks(
    words: list[str], rows: int = 12, *, turns: int = 1, size: int = 14, joint: str = " ", seed: int = 0
) -> list[Row]:
    """Dialogues of so many exchanges."""
    draw = random.Random(seed)
    return [
        dialogue(*(sentence(draw, words, size + draw.randint(0, 6), joint) for _ in range(2 * turns)))
        for _ in range(rows)
    ]


def texts(words: list[str], rows: int = 8, *, size: int = 60, joint: str = " ", seed: int = 0) -> Iterator[str]:
    """Paragraphs."""
    draw = random.Random(seed)
    for _ in range(rows):
        yield " ".join(sentence(draw, words, 12, joint) for _ in range(size // 12))


def spoken(make: Callable[[random.Random, int], tuple[str, str]], rows: int = 12, seed: int = 0) -> list[Row]:
    """One exchange a row, as `make` writes it."""
    draw = random.Random(seed)
    return [dialogue(*make(draw, number)) for number in range(rows)]


def english(draw: random.Random, count: int = 12) -> str:
    """An English sentence of sorts."""
    return sentence(draw, ENGLISH, count)


def code(draw: random.Random, number: int) -> tuple[str, str]:
    """Python with indentation."""
    names = draw.sample(["total", "rows", "index", "price", "name", "left", "right", "count", "cache", "path"], 4)
    a, b, c, d = names
    body = (
        f"def {a}_{number}({b}, {c}):\n    {d} = {draw.randint(2, 99)}\n    for i, x in enumerate({b}):\n"
        f"        if x > {draw.randint(1, 50)}:\n            {d} += x * {c}\n    return {d}\n"
    )
    return f"Write {a}_{number} over {b} and {c}: {english(draw, 8)}", f"```python\n{body}```\n{english(draw, 8)}"


def markup(draw: random.Random, number: int) -> tuple[str, str]:
    """HTML and braces, which templates must leave alone."""
    word = draw.choice(ENGLISH)
    body = (
        f'<div class="{word}-{number}">{{{{ {word} }}}} &amp; {{% if x %}}<b>{english(draw, 9)}</b>{{% endif %}}</div>'
    )
    return f"Markup {number} for {english(draw, 9)}", body


def maths(draw: random.Random, number: int) -> tuple[str, str]:
    """LaTeX, and numbers that differ where little else does."""
    a, b, c = (draw.randint(2, 99) for _ in range(3))
    return (
        f"{number}. Solve ${a}x + {b} = {a * c + b}$. {english(draw, 8)}",
        f"Subtract ${b}$: ${a}x = {a * c}$, so $x = \\frac{{{a * c}}}{{{a}}} = {c}$. {english(draw, 6)}",
    )


def structured(draw: random.Random, number: int) -> tuple[str, str]:
    """A JSON reply."""
    reply = {"id": number, "name": draw.choice(ENGLISH), "tags": draw.sample(ENGLISH, 3), "note": english(draw, 8)}
    return f"As JSON, item {number}: {english(draw, 9)}", json.dumps(reply, indent=2)


def played(draw: random.Random, number: int) -> tuple[str, str]:
    """Role-play with gestures."""
    return f"*knocks, {number} times* {english(draw, 9)}", f"*{english(draw, 5)[:-1]}* “{english(draw, 10)}”"


def classified(draw: random.Random, number: int) -> tuple[str, str]:
    """Very short replies to prompts that differ."""
    return f"Is this about money, {number}? {english(draw, 14)}", draw.choice(["Yes.", "No."])


def listed(draw: random.Random, number: int) -> tuple[str, str]:
    """Markdown: a heading, a list, a table."""
    items = "".join(f"- **{draw.choice(ENGLISH)}**: {english(draw, 7)}\n" for _ in range(3))
    rows = "".join(f"| {draw.choice(ENGLISH)} | {draw.randint(1, 999)} |\n" for _ in range(3))
    return f"List {number}: {english(draw, 9)}", f"## {english(draw, 4)}\n\n{items}\n| a | b |\n|---|---|\n{rows}"


def linked(draw: random.Random, number: int) -> tuple[str, str]:
    """Addresses, and angle brackets."""
    return (
        f"Where is {draw.choice(ENGLISH)} {number}? {english(draw, 8)}",
        f"See https://example.org/{draw.choice(ENGLISH)}/{number}?q={draw.randint(1, 999)} or write to "
        f"<help{number}@example.org>. {english(draw, 8)}",
    )


def served(draw: random.Random, number: int) -> tuple[str, str]:
    """A call centre: the same greeting in every reply."""
    return (
        f"Order {draw.randint(10_000, 99_999)}: {english(draw, 12)}",
        f"Thank you for calling. {english(draw, 14)} Ticket {number * 7919 % 10_007}.",
    )


def sung(draw: random.Random, number: int) -> tuple[str, str]:
    """Verses with a refrain."""
    verses = [f"{english(draw, 8)}\n{english(draw, 8)}\nO {draw.choice(ENGLISH)}, stay!" for _ in range(3)]
    return f"A song, number {number}: {english(draw, 8)}", "\n\n".join(verses)


def reckoned(draw: random.Random, number: int) -> tuple[str, str]:
    """Almost nothing but numbers."""
    values = [draw.randint(100, 99_999) for _ in range(8)]
    return (
        f"Sum {', '.join(map(str, values))} ({number})",
        f"{sum(values)}; mean {sum(values) / 8:.3f}; max {max(values)}",
    )
