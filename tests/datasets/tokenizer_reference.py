"""The tokenizer again, from its JSON and Python's own Unicode alone: what docs/text.md says, and no line of the C++.

usage: tokenizer_reference.py tokenise TOKENIZER.json TEXTS OUT    a JSON string a line becomes the JSON array of its tokens, or of their buckets
       tokenizer_reference.py texts SHARED OUT                     reviews and sentences of the real data, a JSON string a line
       tokenizer_reference.py characters OUT                       characters that this Python's Unicode assigns, among others
"""
import csv
import gzip
import io
import json
import os
import sys
import unicodedata

SPACES = set(range(0x9, 0xE)) | {0x85}


def within(point, ranges):
    return any(first <= point <= last for first, last in ranges)


class Tokenizer:
    def __init__(self, spec):
        self.spec = spec
        self.classes = {}

    def class_of(self, character):
        if character not in self.classes:
            self.classes[character] = self.derive(character)
        return self.classes[character]

    def derive(self, character):
        point, category = ord(character), unicodedata.category(character)
        if point in SPACES:
            return "space"
        if within(point, self.spec["variation_selectors"]):
            return "control"
        if within(point, self.spec["singles"]):
            return "single"
        if category == "Nd":
            return "digit"
        if category[0] == "L" or category in ("Nl", "No", "Pc"):
            return "letter"
        if category in ("Cc", "Cf"):
            return "control"
        return {"M": "mark", "P": "punctuation", "S": "symbol", "Z": "space"}.get(category[0], "other")

    def normalise(self, text):
        spec = self.spec
        if spec["strip_controls"]:
            text = "".join(c for c in text if self.class_of(c) != "control")
        if spec["nfkc"]:
            text = unicodedata.normalize("NFKC", text)
        if spec["fold_case"]:
            text = text.casefold()
            if spec["nfkc"]:
                text = unicodedata.normalize("NFKC", text)
        if spec["collapse_space"]:
            text = "".join(" " if self.class_of(c) == "space" else c for c in text)
            text = " ".join(part for part in text.split(" ") if part)
        return text

    def words(self, text):
        """(begin, end, whether it is made of letters) of each word."""
        kinds = [self.class_of(c) for c in text] + ["other"]
        letters = ("letter", "digit")
        at = 0
        while at < len(text):
            begin, kind = at, kinds[at]
            at += 1
            alone = (kind == "symbol" and self.spec["symbols"]) or (kind == "punctuation" and self.spec["punctuation"])
            if not alone and kind != "single" and kind not in letters:
                continue
            while at < len(text):
                joined = kinds[at] == "mark"
                if kind in letters:
                    joined = joined or kinds[at] in letters
                    joined = joined or (ord(text[at]) in self.spec["apostrophes"] and kinds[at + 1] in letters)
                    joined = joined or (ord(text[at]) in self.spec["digit_joiners"] and kinds[at - 1] == kinds[at + 1] == "digit")
                if not joined:
                    break
                at += 1
            yield begin, at, not alone

    def tokens(self, text):
        spec = self.spec
        text = self.normalise(text)
        words, stretches, before = [], [], None
        for begin, end, letters in self.words(text):
            word = text[begin:end]
            for other in spec["apostrophes"][1:]:
                word = word.replace(chr(other), chr(spec["apostrophes"][0]))
            words.append(word[:spec["longest_word"]])
            if before == begin and letters:
                stretches[-1] += word
            else:
                stretches.append(word)
            before = end if letters else None
        if spec["across"]:
            stretches = [text]
        result = []
        if spec["words"]:
            for n in range(spec["words"][0], spec["words"][1] + 1):
                result += [" ".join(words[i:i + n]) for i in range(len(words) - n + 1)]
        if spec["characters"]:
            mark = spec["characters_mark"] if spec["words"] else ""
            for n in range(spec["characters"][0], spec["characters"][1] + 1):
                for stretch in stretches:
                    result += [mark + stretch[i:i + n] for i in range(len(stretch) - n + 1)]
        return result[:spec["max_tokens"]] if spec["max_tokens"] else result

    def codes(self, text):
        tokens = self.tokens(text)
        if not self.spec["buckets"]:
            return tokens
        assert self.spec["hash"] == "murmurhash3_x86_32"
        return [murmur3(token.encode(), self.spec["seed"]) % self.spec["buckets"] for token in tokens]


def murmur3(data, seed):
    mask = 0xFFFFFFFF

    def rotated(x, by):
        return (x << by | x >> (32 - by)) & mask

    def mixed(word):
        return rotated(word * 0xCC9E2D51 & mask, 15) * 0x1B873593 & mask

    value, whole = seed, len(data) // 4 * 4
    for at in range(0, whole, 4):
        value = (rotated(value ^ mixed(int.from_bytes(data[at:at + 4], "little")), 13) * 5 + 0xE6546B64) & mask
    if whole < len(data):
        value ^= mixed(int.from_bytes(data[whole:], "little"))
    value ^= len(data)
    value = (value ^ value >> 16) * 0x85EBCA6B & mask
    value = (value ^ value >> 13) * 0xC2B2AE35 & mask
    return value ^ value >> 16


def write_lines(path, values):
    with open(path, "w", encoding="utf-8") as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def tokenise(tokenizer, texts, out):
    with open(tokenizer, encoding="utf-8") as file:
        rules = Tokenizer(json.load(file))
    with open(texts, encoding="utf-8", newline="\n") as file:
        write_lines(out, (rules.codes(json.loads(line)) for line in file))


def real_texts(shared, out):
    def opened(name, encoding="utf-8"):
        return io.TextIOWrapper(gzip.open(os.path.join(shared, "data", name)), encoding=encoding, newline="")

    texts = [row["review"] for row in csv.DictReader(opened("chnsenticorp-hotel/ChnSentiCorp_htl_all.csv.gz"))][::4]
    texts += [row["review"] for row in csv.DictReader(opened("online-shopping-10-cats/online_shopping_10_cats.csv.gz"))][::40]
    texts += [line.rstrip("\r\n").rpartition("@")[0] for line in opened("financial-phrasebank/Sentences_50Agree.txt.gz", "iso-8859-1")][::2]
    texts += [line.rstrip("\n").partition("\t")[2] for line in list(opened("chnsenticorp-9600/dev.tsv.gz"))[1::3]]
    write_lines(out, texts)


def characters(out):
    def alike(point):
        """Ideographs and Hangul syllables by the ten thousands: one of 32 stands for all."""
        return point >= 0x20000 or 0x3400 <= point < 0xA000 or 0xAC00 <= point < 0xD7A4

    points = (point for point in range(0x110000) if point < 0x2FA20 or point >= 0xE0000)
    assigned = (chr(point) for point in points if unicodedata.category(chr(point)) not in ("Cn", "Cs", "Co") and (point % 32 == 0 or not alike(point)))
    write_lines(out, (text for c in assigned for text in ("a" + c + "B", "e\u0301" + c + "\u0323\u0308")))


if __name__ == "__main__":
    {"tokenise": tokenise, "texts": real_texts, "characters": characters}[sys.argv[1]](*sys.argv[2:])
