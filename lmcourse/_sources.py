"""Where the real data comes from: each source pinned to one commit, each file to a checksum.

The checksums are SHA-256 where they were computed from the files, and git blob ids where only the
repository's own record is known. Those of many small files stand in ``checksums/``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class Source:
    """One repository at one commit: which files, how to check them, whose they are."""

    name: str
    about: str
    repository: str
    commit: str
    licence: str
    citation: str
    files: Mapping[str, str]  # path -> checksum

    @property
    def url(self):
        """The page where a person can look at the files."""
        return f"https://github.com/{self.repository}/tree/{self.commit}"


def _checksums(name):
    text = resources.files("lmcourse").joinpath("checksums", f"{name}.txt").read_text("utf-8")
    return [line.split() for line in text.splitlines() if not line.startswith("#")]


CMUDICT_LICENCE = "BSD-2-Clause style"
_ALL = [
    Source(
        "tinyshakespeare",
        "40,000 lines of Shakespeare's plays",
        "karpathy/char-rnn",
        "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e",
        "the text is in the public domain",
        "Karpathy, A. (2015). char-rnn.",
        {"data/tinyshakespeare/input.txt": "sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"},
    ),
    Source(
        "names",
        "32,033 first names, in small letters",
        "karpathy/makemore",
        "988aa59e4d8fefa526d06f3b453ad116258398d4",
        "none stated; names collected by the U.S. Social Security Administration (ssa.gov)",
        "Karpathy, A. (2022). makemore.",
        {"names.txt": "sha256:0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d"},
    ),
    Source(
        "cmudict",
        "135,166 English pronunciations, with stress",
        "cmusphinx/cmudict",
        "0f8072f814306c5ee4fbf992ed853601b12c01f9",
        CMUDICT_LICENCE,
        "Carnegie Mellon University. The CMU Pronouncing Dictionary.",
        {"cmudict.dict": "sha256:81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22"},
    ),
    Source(
        "g2p",
        "an older CMUdict without stress, split into 113,438 training and 12,753 test words",
        "steveash/jg2p",
        "9ef911031f2762b15f5b731c33dd968f523e181f",
        f"{CMUDICT_LICENCE} (CMUdict); the repository is Apache-2.0",
        "Carnegie Mellon University. The CMU Pronouncing Dictionary, in the split of Phonetisaurus.",
        {
            "jg2p-core/src/test/resources/g014b2b.train": "sha256:"
            "5882433c3a14a9a0614b5f724ce74872851092e816852c82d6b74913b2085384",
            "jg2p-core/src/test/resources/g014b2b.test": "sha256:"
            "9beeeed7726f4954bee1dbb3c5b41f50a71227557eca70b259fbd63c9cad1bb9",
        },
    ),
    Source(
        "chatbot",
        "11,823 Korean questions with answers, on daily life, parting and love",
        "songys/Chatbot_data",
        "4cf20d13fc46f5037fd1c531cd566e2dd9f72974",
        "MIT",
        "Song, Youngsook (2018). Chatbot_data_for_Korean v1.0.",
        {"ChatbotData.csv": "sha256:287eb129695b577321c80ad397bb3c2279164d4ca577874d129fd3db5b30afe2"},
    ),
    Source(
        "ko_gsd",
        "a Korean treebank of news and blogs: morphemes with Sejong tags, 4,400 / 950 / 989 sentences",
        "UniversalDependencies/UD_Korean-GSD",
        "925eec22693d37a922eb546c6a9500844d271d51",
        "CC BY-SA 4.0",
        "Chun, J., Han, N.-R., Hwang, J. D., and Choi, J. D. (2018). Building Universal Dependency "
        "Treebanks in Korean. LREC. — McDonald, R., et al. (2013). Universal Dependency Annotation for "
        "Multilingual Parsing. ACL.",
        {
            f"ko_gsd-ud-{split}.conllu": checksum
            for split, checksum in [
                ("train", "git:1e91499117a8667b4ed8b00bb4f8bdf3c6d95094"),
                ("dev", "sha256:8f7c4e24bbf6db2b0df8007068eb2d56d5ad8a5539360589d0f15a8c17034566"),
                ("test", "sha256:3d1df99bda4800235e14bcfd915baf706eafa1a3935a75ffd32420a51e57f5aa"),
            ]
        },
    ),
    Source(
        "jhe",
        "sentences of junior high school English with their Korean, 720 dev and 720 eval pairs",
        "jungyeul/korean-parallel-corpora",
        "a1fb53dc5216f3a2d07d973456d8921ed23c88c6",
        "CC BY-SA 3.0",
        "Park, J., Hong, J.-P., and Cha, J.-W. (2016). Korean Language Resources for Everyone. PACLIC 30.",
        {
            f"korean-english-jhe/jhe-koen-{file}": f"sha256:{digest}"
            for file, digest in [
                ("dev.ko", "2b02238c122aac40860aebfb191cfcdb46553e6b55b447f8188e04cabe00b828"),
                ("dev.en", "ccf0c0ca7601b5cae37891ecf89c72c951ac162a20738ac894e3faf804c4c4af"),
                ("eval.ko", "531b18d6640aaf63b86753c631c8ee6d7d23c10b9f9c56cb99c9da086417cb86"),
                ("eval.en", "dc4c0975092f3cfd5c60e3cea24e6b2a400e4373208cd9f3ed6b0cc44c01cc3b"),
            ]
        },
    ),
    Source(
        "python_docs_ko",
        "the tutorial, the questions and the glossary of Python, in English and Korean",
        "python/python-docs-ko",
        "d0c58403de225366b23d0cafd8b86508186c8c8a",
        "the same licence as Python",
        "Python Software Foundation and the translators. Python documentation in Korean.",
        {path: f"sha256:{digest}" for digest, path in _checksums("python_docs_ko")},
    ),
    Source(
        "spoken_digits",
        "3,000 recordings of the digits 0 to 9 by six speakers, 8 kHz",
        "Jakobovski/free-spoken-digit-dataset",
        "26eb9aaf76e81b692f806f9140c2d2777410d7a1",
        "CC BY-SA 4.0",
        "Jackson, Z., et al. Free Spoken Digit Dataset.",
        {
            f"recordings/{start}_{index}.wav": f"sha256:{digest}"
            for start, *digests in _checksums("spoken_digits")
            for index, digest in enumerate(digests)
        },
    ),
    Source(
        "nsmc",
        "200,000 Korean film reviews, good or bad",
        "e9t/nsmc",
        "cc0670e872d4ac27bfe36c87456783004b39ef6c",
        "CC0 1.0, as declared by the repository",
        "Park, L. (2016). Naver sentiment movie corpus v1.0.",
        {
            "ratings_train.txt": "git:ac0dba272895dc1d0b3dd5f11afbeaeb7abe7876",
            "ratings_test.txt": "git:b6cfcd8cd1557bcd9bf06617b0e429ed73e9a367",
        },
    ),
]
SOURCES = {source.name: source for source in _ALL}
