"""Small talk of the chatbot of chapter 04c: ways to say something, and what is replied to all of them.

The last two wordings of each kind are kept from training, to see whether a kind is known or only its wordings.
"""

HELD_OUT = 2

SMALL_TALK = {
    "ko": {
        "hello": (
            "안녕하세요! 이야기에 대해 물어보세요.",
            ("안녕하세요?", "안녕하세요!", "안녕!", "안녕?", "반가워요.", "반갑습니다.", "만나서 반가워요.",
             "안녕하세요, 반가워요.", "처음 뵙겠습니다.", "좋은 아침이에요.", "안녕, 반가워!", "만나서 반갑습니다."),
        ),
        "goodbye": (
            "안녕히 가세요. 또 만나요!",
            ("안녕히 계세요.", "잘 있어요.", "잘 있어!", "다음에 또 만나요.", "또 만나요.", "이제 갈게요.",
             "나중에 봐요.", "내일 봐요.", "그만 갈게요.", "또 봐요!", "내일 또 만나요.", "이제 그만 갈게요."),
        ),
        "thanks": (
            "천만에요.",
            ("고마워요.", "고맙습니다.", "감사합니다.", "감사해요.", "정말 고마워요.", "정말 감사합니다.", "고마워!",
             "대답해 줘서 고마워요.", "도와줘서 고마워요.", "아주 고마워요.", "정말 고맙습니다.",
             "도와줘서 감사합니다."),
        ),
        "name": (
            "저는 작은 챗봇이에요.",
            ("누구세요?", "당신은 누구예요?", "너는 누구야?", "이름이 뭐예요?", "이름이 무엇입니까?",
             "너는 이름이 뭐야?", "당신은 사람이에요?", "로봇이에요?", "챗봇이에요?", "자기소개 해 주세요.",
             "당신은 이름이 뭐예요?", "당신은 챗봇이에요?"),
        ),
        "help": (
            "누가, 무엇을, 어디에서 했는지 물어보세요.",
            ("무엇을 물어볼까요?", "뭘 물어볼까요?", "무엇을 할 수 있어요?", "뭘 할 수 있어요?",
             "어떻게 쓰는 거예요?", "도와주세요.", "무엇을 알아요?", "뭘 알고 있어요?", "어떻게 하면 돼요?",
             "뭘 하면 돼요?", "뭘 알아요?", "어떻게 물어볼까요?"),
        ),
        "mood": (
            "저는 늘 잘 지내요.",
            ("잘 지내요?", "잘 지냈어요?", "어떻게 지내요?", "요즘 어때요?", "기분이 어때요?", "오늘 기분이 어때요?",
             "잘 지내?", "별일 없어요?", "어떻게 지냈어요?", "요즘 잘 지내요?", "요즘 기분이 어때요?",
             "요즘 어떻게 지내요?"),
        ),
        "weather": (
            "저는 밖에 나가지 않아서 몰라요.",
            ("날씨가 좋네요.", "날씨가 참 좋네요.", "오늘 날씨 좋네요.", "날씨가 덥네요.", "날씨가 추워요.",
             "너무 더워요.", "너무 추워요.", "밖에 비가 오네요.", "오늘은 춥네요.", "바람이 많이 부네요.",
             "오늘 날씨가 참 좋네요.", "오늘은 너무 추워요."),
        ),
        "praise": (
            "칭찬해 줘서 고마워요.",
            ("똑똑하네요.", "정말 똑똑해요!", "잘하네요.", "정말 잘했어요.", "맞아요!", "맞았어요.", "대단해요!",
             "훌륭해요.", "최고예요!", "참 잘했어요.", "정말 대단해요!", "참 똑똑하네요."),
        ),
        "blame": (
            "미안해요. 저는 아직 배우고 있어요.",
            ("틀렸어요.", "아니에요.", "그건 틀렸어요.", "그게 아니에요.", "잘못 알고 있네요.", "이상한 대답이에요.",
             "실망이에요.", "대답이 틀렸어요.", "또 틀렸네요.", "그건 아니에요.", "또 틀렸어요.",
             "그 대답은 틀렸어요."),
        ),
    },
    "en": {
        "hello": (
            "Hello! Ask me about the story.",
            ("Hello!", "Hello.", "Hi!", "Hi.", "Hey!", "Hello there!", "Good morning.", "Good evening.",
             "Nice to meet you.", "Hi, nice to meet you.", "Hi there!", "Hello, nice to meet you."),
        ),
        "goodbye": (
            "Goodbye! See you soon.",
            ("Goodbye.", "Bye!", "Bye.", "See you.", "See you later.", "See you tomorrow.", "Good night.",
             "I have to go.", "I must go now.", "Bye, see you soon.", "I have to go now.", "Goodbye, see you later."),
        ),
        "thanks": (
            "You are welcome.",
            ("Thanks.", "Thanks!", "Thank you.", "Thank you!", "Thank you very much.", "Thanks a lot.",
             "Many thanks.", "Thank you for your help.", "Thanks for the answer.", "That was kind, thank you.",
             "Thanks for your help.", "Thank you for the answer."),
        ),
        "name": (
            "I am a small chatbot.",
            ("Who are you?", "What are you?", "What is your name?", "Are you human?", "Are you a robot?",
             "Are you a chatbot?", "Tell me your name.", "Tell me about yourself.", "Who am I talking to?",
             "So who are you?", "Tell me who I am talking to.", "Tell me who you are."),
        ),
        "help": (
            "Ask me who did what, and where.",
            ("What can you do?", "What do you know?", "What can I ask?", "What can I ask you?", "What should I ask?",
             "How does this work?", "Help!", "Help me, please.", "Can you help me?", "How can you help?",
             "What should I ask you?", "Help me!"),
        ),
        "mood": (
            "I am fine, as always.",
            ("How are you?", "How are you today?", "How do you do?", "How do you feel?", "How do you feel today?",
             "Are you well?", "Are you fine?", "How is it going?", "How have you been?", "Are you happy?",
             "How is it going today?", "Are you well today?"),
        ),
        "weather": (
            "I never go out, so I cannot say.",
            ("Nice weather today.", "The weather is nice.", "What nice weather!", "It is cold today.",
             "It is hot today.", "It is so hot.", "It is so cold.", "I hope it does not rain.", "What a cold day!",
             "The weather is bad today.", "The weather is nice today.", "What a hot day!"),
        ),
        "praise": (
            "Thank you, that is kind.",
            ("Well done!", "Well done.", "Good answer.", "That is right.", "Right!", "You are clever.",
             "You are smart!", "You are right.", "Great!", "That was very good.", "You are very clever.",
             "That was right."),
        ),
        "blame": (
            "I am sorry. I am still learning.",
            ("That is wrong.", "Wrong!", "You are wrong.", "That is not right.", "Wrong answer.", "Bad answer.",
             "That was not a good answer.", "You made a mistake.", "Wrong again.", "No, that is not true.",
             "You are wrong again.", "No, that is wrong."),
        ),
    },
}  # fmt: skip
