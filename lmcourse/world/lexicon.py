# ruff: noqa: E501 - tables
"""The words of the world, apart from its grammar: who and what there is, and what can be done with it.

A noun is written ``사과=apple``; ``#`` marks a mass noun in English (``쌀=rice#``), ``+`` one that stands in the plural
(``신발=shoes+``), ``!`` one that always takes "the" (``달=moon!``). In Korean a ``+`` separates noun and suffix (``선생+님``).
Within a class the first words are the most frequent (Zipf's law, see :mod:`lmcourse.world.law`).
"""

from typing import NamedTuple


class Noun(NamedTuple):
    """A noun with its class; ``number`` is "count", "mass", "plural" or "unique" (always with "the") in English."""

    ko: str
    en: str
    number: str
    kind: str


class Person(NamedTuple):
    """Somebody a story can be about: a name, an elder, a role ("the student") or several people."""

    ko: str
    en: str
    gender: str  # "m", "f" or "p" (several people)
    honorific: bool
    name: bool  # a name takes no article


class Place(NamedTuple):
    """A place with its English preposition; ``outdoor`` ones are rarer in bad weather."""

    ko: str
    en: str
    preposition: str
    outdoor: bool


class Adjective(NamedTuple):
    """An adjective: the Korean stem (or a determiner, ``새:MM``) and the polarity it gives what it describes."""

    ko: str
    en: str
    polarity: int


class Frame(NamedTuple):
    """A verb with what it takes."""

    key: str
    ko: str
    en: str
    objects: str  # noun classes, "person", or "" for none
    weight: float
    subjects: str  # "h" people, the other letters are animals by DIETS
    places: str  # a set of places, "" for none
    flags: str
    polarity: int
    particle: str  # the Korean particle of the object
    preposition: str  # the English preposition of the object
    adverbs: str


NAMES = {
    "m": "민수=Minsu 지훈=Jihun 현우=Hyeonu 준호=Junho 성민=Seongmin 도윤=Doyun 재현=Jaehyeon 태영=Taeyeong 민준=Minjun "
    "우진=Ujin 동하=Dongha 시우=Siu",
    "f": "서연=Seoyeon 지우=Jiu 하은=Haeun 수진=Sujin 유나=Yuna 미영=Miyeong 은지=Eunji 소라=Sora 예린=Yerin 채원=Chaewon "
    "나영=Nayeong 보라=Bora",
}
ELDERS = {
    "m": "할아버지=Grandfather 아버지=Father 교수+님=the professor 사장+님=the boss 코치+님=the coach",
    "f": "할머니=Grandmother 어머니=Mother 선생+님=the teacher 감독+님=the director 작가+님=the author",
}
ROLES = {
    "m": "소년=boy 학생=student 요리사=cook 농부=farmer 경찰관=police officer 군인=soldier 선수=player 배우=actor",
    "f": "소녀=girl 의사=doctor 화가=painter 가수=singer 기자=reporter 간호사=nurse 손님=guest 관광객=tourist",
}

NOUNS = {
    "dish": "김밥=gimbap# 라면=ramen# 비빔밥=bibimbap# 떡볶이=tteokbokki# 국수=noodles+ 만두=dumplings+ 피자=pizza# 샌드위치=sandwich "
    "카레=curry# 수프=soup# 샐러드=salad 불고기=bulgogi# 볶음밥=fried rice# 햄버거=hamburger",
    "baked": "빵=bread# 케이크=cake 과자=cookies+ 파이=pie",
    "fruit": "사과=apple 배=pear 귤=tangerine 포도=grapes+ 딸기=strawberries+ 수박=watermelon 복숭아=peach 바나나=banana 감=persimmon "
    "밤=chestnut 참외=melon 자두=plum 레몬=lemon 망고=mango 오렌지=orange",
    "vegetable": "감자=potato 고구마=sweet potato 당근=carrot 양파=onion 오이=cucumber 토마토=tomato 호박=pumpkin 배추=cabbage "
    "버섯=mushroom 마늘=garlic# 옥수수=corn# 콩=beans+ 시금치=spinach# 고추=chili pepper",
    "grocery": "쌀=rice# 소금=salt# 설탕=sugar# 밀가루=flour# 치즈=cheese# 버터=butter# 꿀=honey# 생선=fish# 고기=meat# 두부=tofu# 계란=egg "
    "기름=oil# 식초=vinegar#",
    "drink": "커피=coffee# 물=water# 차=tea# 우유=milk# 주스=juice# 녹차=green tea# 코코아=cocoa# 콜라=cola# 레모네이드=lemonade#",
    "text": "책=book 소설=novel 신문=newspaper 만화책=comic book 잡지=magazine 동화책=storybook 편지=letter 시집=book of poems",
    "writing": "편지=letter 일기=diary 시=poem 보고서=report 소설=novel 이메일=email",
    "media": "영화=movie 드라마=drama 연극=play 공연=show 만화=cartoon 다큐멘터리=documentary 경기=game",
    "audio": "음악=music# 노래=song 라디오=radio! 강의=lecture 이야기=story 연설=speech",
    "words": "말=words+",
    "speech": "이야기=story 설명=explanation",
    "struck": "피아노=piano! 기타=guitar! 드럼=drums!",
    "bowed": "바이올린=violin! 첼로=cello!",
    "ballgame": "축구=soccer# 농구=basketball# 야구=baseball# 배구=volleyball# 하키=hockey#",
    "racketgame": "테니스=tennis# 탁구=table tennis# 배드민턴=badminton# 골프=golf#",
    "subject": "수학=math# 영어=English# 역사=history# 과학=science# 한국어=Korean# 미술=art# 물리=physics# 화학=chemistry# 철학=philosophy# "
    "경제학=economics#",
    "clothes": "코트=coat 셔츠=shirt 바지=pants+ 치마=skirt 스웨터=sweater 재킷=jacket 한복=hanbok 원피스=dress",
    "footwear": "신발=shoes+ 운동화=sneakers+ 양말=socks+ 장화=boots+ 슬리퍼=slippers+",
    "headwear": "모자=hat 안경=glasses+ 가면=mask",
    "handwear": "장갑=gloves+ 반지=ring",
    "goods": "가방=bag 지갑=wallet 열쇠=key 시계=watch 전화기=phone 인형=doll 우산=umbrella 공책=notebook 지도=map 거울=mirror 상자=box "
    "장난감=toy 그림=painting 방망이=bat 유리잔=glasses+ 바구니=basket 목걸이=necklace 베개=pillow",
    "tool": "컴퓨터=computer 카메라=camera 가위=scissors+ 칼=knife 연필=pencil 사전=dictionary 망치=hammer 빗자루=broom 계산기=calculator",
    "machine": "자전거=bicycle 컴퓨터=computer 카메라=camera 시계=watch 차=car 세탁기=washing machine 냉장고=refrigerator 트럭=truck",
    "appliance": "불=light! 텔레비전=TV! 라디오=radio! 컴퓨터=computer! 에어컨=air conditioner! 난로=stove!",
    "flower": "꽃=flowers+ 장미=roses+ 튤립=tulips+ 해바라기=sunflowers+",
    "transit": "버스=bus 기차=train 배=boat 지하철=subway! 비행기=plane 택시=taxi",
    "ridden": "자전거=bicycle 말=horse 오토바이=motorcycle 스케이트보드=skateboard",
    "driven": "차=car 트럭=truck 버스=bus 택시=taxi",
    "bought": "차=car 배=boat 자전거=bicycle 오토바이=motorcycle",
    "animal": "고양이=cat 개=dog 새=bird 토끼=rabbit 말=horse 소=cow 돼지=pig 오리=duck 양=sheep 염소=goat 닭=chicken 거북이=turtle "
    "다람쥐=squirrel 여우=fox 원숭이=monkey 비둘기=pigeon 나비=butterfly 사슴=deer 박쥐=bat 늑대=wolf",
    "pet": "고양이=cat 개=dog 토끼=rabbit 새=bird 거북이=turtle 오리=duck",
    "sky": "달=moon! 별=stars+ 무지개=rainbow 구름=clouds+ 해=sun!",
    "washable": "손=hands+ 발=feet+ 얼굴=face",
    "injured": "다리=leg 손=hand 팔=arm 발=foot 무릎=knee 손가락=finger",
    "ache": "머리=headache 배=sore stomach 목=sore throat 다리=sore legs+ 눈=sore eyes+ 허리=sore back 이=toothache 어깨=sore shoulder",
    "eye": "눈=eyes+",
    "hair": "머리=hair#",
    "tooth": "이=teeth+",
    "surface": "창문=window! 책상=desk! 식탁=table! 바닥=floor! 거울=mirror!",
    "room": "방=room! 부엌=kitchen! 거실=living room! 교실=classroom! 사무실=office! 화장실=bathroom!",
    "opening": "문=door! 창문=window! 상자=box! 가방=bag! 서랍=drawer!",
    "crossing": "다리=bridge! 길=street! 강=river! 횡단보도=crosswalk!",
    "seat": "의자=chair 소파=sofa 벤치=bench 바위=rock",
    "puzzle": "문제=problem 퍼즐=puzzle 수수께끼=riddle",
    "planted": "나무=tree 꽃=flowers+ 감자=potatoes+ 씨앗=seeds+ 상추=lettuce# 장미=roses+",
    "thrown": "공=ball 돌=stone 눈덩이=snowball",
    "kicked": "공=ball 깡통=can 돌=stone",
    "umbrella": "우산=umbrella",
    "snowman": "눈사람=snowman",
    "craft": "인형=doll 의자=chair 연=kite 목걸이=necklace 바구니=basket 종이배=paper boat",
    "photo": "사진=photo",
    "fishing": "물고기=fish",
    "gift": "선물=gift 꽃=flowers+ 책=book 초콜릿=chocolate# 반지=ring 사탕=candy# 목도리=scarf",
    "parcel": "편지=letter 선물=gift 소포=package 이메일=email 엽서=postcard",
    "prey": "생선=fish# 고기=meat# 계란=egg",
    "fodder": "풀=grass# 당근=carrot 사과=apple 나뭇잎=leaves+ 옥수수=corn# 배추=cabbage",
    "grain": "옥수수=corn# 빵=bread# 쌀=rice# 씨앗=seeds+",
    "lapped": "물=water#",
    "memorized": "시=poem 노래=song 단어=words+ 전화번호=phone number",
    "cut": "종이=paper# 빵=bread# 수박=watermelon 사과=apple 케이크=cake",
    "boiled": "물=water# 계란=egg 감자=potato 국수=noodles+",
    "hobby": "영화=movie 음악=music# 축구=soccer# 꽃=flowers+ 고양이=cat 개=dog 커피=coffee# 사과=apple 시=poem 라면=ramen# 수학=math# 역사=history# "
    "야구=baseball# 노래=song 초콜릿=chocolate#",
}

# Words that are written alike and mean different things: each sense, with the English entries that have it.
SENSES = {
    "배": {"pear": "pear", "boat": "boat", "stomach": "sore stomach"},
    "눈": {"eye": "eyes|sore eyes", "snow": "snow"},
    "밤": {"chestnut": "chestnut", "night": "at night"},
    "다리": {"leg": "leg|sore legs", "bridge": "bridge"},
    "사과": {"apple": "apple", "apology": "apologize"},
    "차": {"tea": "tea", "car": "car", "kick": "kick"},
    "머리": {"hair": "hair", "head": "headache"},
    "말": {"horse": "horse", "words": "words"},
    "쓰": {"write": "write", "use": "use", "wear": "put on", "bitter": "bitter"},
    "감": {"persimmon": "persimmon", "close": "close", "wash": "wash"},
}

PLACES = {  # Korean=preposition:English, ^ marks the open air
    "eat": "식당=at:the restaurant 집=at:home 카페=at:the café 공원^=in:the park 부엌=in:the kitchen 학교=at:school",
    "study": "도서관=in:the library 집=at:home 학교=at:school 카페=at:the café 교실=in:the classroom",
    "quiet": "도서관=in:the library 방=in:the room 집=at:home 공원^=in:the park 카페=at:the café 정원^=in:the garden 거실=in:the living room",
    "open": "공원^=in:the park 바닷가^=at:the beach 운동장^=on:the sports field 마당^=in:the yard 숲^=in:the forest 호숫가^=by:the lake "
    "강가^=by:the river 농장^=on:the farm 놀이터^=at:the playground",
    "sport": "운동장^=on:the sports field 체육관=at:the gym 공원^=in:the park 학교=at:school",
    "shop": "시장=at:the market 백화점=at:the department store 가게=at:the shop 마트=at:the supermarket",
    "home": "집=at:home 방=in:the room 거실=in:the living room",
    "kitchen": "부엌=in:the kitchen 집=at:home",
    "show": "극장=at:the theater 집=at:home 거실=in:the living room 학교=at:school",
    "work": "사무실=in:the office 집=at:home 병원=at:the hospital 학교=at:school 은행=at:the bank 농장^=on:the farm",
    "meet": "역=at:the station 공원^=in:the park 카페=at:the café 도서관=in:the library 학교=at:school 시장=at:the market 공항=at:the airport "
    "식당=at:the restaurant 박물관=at:the museum 극장=at:the theater",
    "swim": "수영장=at:the pool 바닷가^=at:the beach 호숫가^=by:the lake",
    "wild": "공원^=in:the park 숲^=in:the forest 농장^=on:the farm 마당^=in:the yard 정원^=in:the garden 호숫가^=by:the lake 동물원^=at:the zoo "
    "들판^=in:the field",
    "goal": "학교=to:school 도서관=to:the library 시장=to:the market 병원=to:the hospital 공원^=to:the park 집=:home 은행=to:the bank "
    "박물관=to:the museum 역=to:the station 바닷가^=to:the beach 우체국=to:the post office 극장=to:the theater 서점=to:the bookstore "
    "빵집=to:the bakery 약국=to:the pharmacy 동물원^=to:the zoo 공항=to:the airport 수영장=to:the pool",
    "city": "서울=to:Seoul 부산=to:Busan 제주도=to:Jeju Island 경주=to:Gyeongju 대전=to:Daejeon 강릉=to:Gangneung",
    "waterside": "강가^=by:the river 호숫가^=by:the lake 바닷가^=at:the beach",
    "garden": "정원^=in:the garden 마당^=in:the yard 농장^=on:the farm",
    "yard": "마당^=in:the yard 공원^=in:the park 운동장^=on:the sports field",
    "stay": "집=at:home 도서관=in:the library 병원=at:the hospital 사무실=in:the office 학교=at:school 호텔=at:the hotel",
}

DIETS = {
    "m": "고양이 개 여우 늑대",
    "v": "토끼 말 소 돼지 양 염소 원숭이 사슴 다람쥐 거북이 닭",
    "b": "새 오리 비둘기",
    "n": "나비 박쥐",
}
ADVERBS = {
    "H": "열심히=hard", "S": "천천히=slowly", "Q": "조용히=quietly", "F": "빨리=quickly", "L": "오래=for a long time",
    "A": "혼자=alone", "G": "다시=again", "E": "일찍=early", "T": "늦게=late", "W": "잘=well", "C": "급히=in a hurry",
}  # fmt: skip
TIMES = "아침=in the morning 오후=in the afternoon 저녁=in the evening 밤=at night 낮=during the day 새벽=at dawn"
DAYS = "월요일=Monday 화요일=Tuesday 수요일=Wednesday 목요일=Thursday 금요일=Friday 토요일=Saturday 일요일=Sunday"

# Adjectives that may stand before a noun of a class, and those that judge it afterwards (with the polarity of the judgement).
ATTRIBUTES = {
    "dish baked": "맛있=delicious 뜨겁~ㅂ=hot 차갑~ㅂ=cold",
    "fruit": "달=sweet 신선+하=fresh 크=big 작=small",
    "vegetable": "신선+하=fresh 크=big 작=small",
    "drink": "차갑~ㅂ=cold 따뜻+하=warm 달=sweet",
    "text": "재미있=interesting 새:MM=new 두껍~ㅂ=thick 어렵~ㅂ=difficult 오래되=old",
    "writing": "길=long 짧=short",
    "media": "재미있=interesting 슬프=sad 무섭~ㅂ=scary 길=long",
    "audio": "아름답~ㅂ=beautiful 슬프=sad 길=long 짧=short",
    "words": "따뜻+하=warm 이상+하=strange 솔직+하=honest",
    "clothes": "따뜻+하=warm 새:MM=new 예쁘=pretty 비싸=expensive 하얗~ㅎ=white 까맣~ㅎ=black",
    "footwear": "새:MM=new 편하~하=comfortable 하얗~ㅎ=white 까맣~ㅎ=black",
    "headwear handwear": "새:MM=new 예쁘=pretty 까맣~ㅎ=black",
    "goods tool": "새:MM=new 작=small 비싸=expensive 크=big 가볍~ㅂ=light 무겁~ㅂ=heavy 낡=worn",
    "machine bought": "새:MM=new 비싸=expensive 낡=worn",
    "flower": "빨갛~ㅎ=red 노랗~ㅎ=yellow 하얗~ㅎ=white 아름답~ㅂ=beautiful",
    "animal": "작=small 크=big 귀엽~ㅂ=cute 하얗~ㅎ=white 까맣~ㅎ=black",
    "puzzle": "어렵~ㅂ=difficult 쉽~ㅂ=easy 복잡+하=complicated",
    "craft gift": "예쁘=pretty 작=small 비싸=expensive",
}
JUDGEMENTS = {
    "dish baked": "맛있=delicious=1 맛없=tasteless=-1 짜=salty=-1 맵~ㅂ=spicy=0 훌륭+하=excellent=1 달=sweet=0",
    "fruit vegetable": "맛있=delicious=1 신선+하=fresh=1 달=sweet=1 비싸=expensive=-1 시=sour=-1 싸=cheap=1",
    "drink": "맛있=delicious=1 쓰=bitter=-1 달=sweet=0 차갑~ㅂ=cold=0 뜨겁~ㅂ=hot=0",
    "text writing speech": "재미있=interesting=1 지루+하=boring=-1 훌륭+하=excellent=1 어렵~ㅂ=difficult=-1 쉽~ㅂ=easy=1 길=long=0 짧=short=0",
    "words": "따뜻+하=warm=1 이상+하=strange=-1 솔직+하=honest=1 무례+하=rude=-1 현명+하=wise=1 어렵~ㅂ=difficult=-1",
    "media audio": "재미있=interesting=1 지루+하=boring=-1 훌륭+하=excellent=1 형편없=terrible=-1 멋지=wonderful=1 길=long=0 짧=short=0",
    "clothes footwear headwear handwear": "예쁘=pretty=1 편하~하=comfortable=1 불편+하=uncomfortable=-1 비싸=expensive=-1 싸=cheap=1 따뜻+하=warm=1",
    "goods tool machine bought": "튼튼+하=sturdy=1 비싸=expensive=-1 싸=cheap=1 무겁~ㅂ=heavy=-1 가볍~ㅂ=light=1 쓸모없=useless=-1 유용+하=useful=1",
    "flower craft gift": "예쁘=pretty=1 아름답~ㅂ=beautiful=1 비싸=expensive=-1 작=small=0",
    "puzzle": "어렵~ㅂ=difficult=-1 쉽~ㅂ=easy=1 재미있=interesting=1 복잡+하=complicated=-1",
    "transit ridden driven": "빠르~르=fast=1 느리=slow=-1 편하~하=comfortable=1 불편+하=uncomfortable=-1 깨끗+하=clean=1 더럽~ㅂ=dirty=-1",
}
FEELINGS = (  # how people are; the first ones pass, the last ones stay
    "행복+하=happy=1 피곤+하=tired=-1 슬프=sad=-1 기쁘=glad=1 바쁘=busy=0 배고프=hungry=-1 외롭~ㅂ=lonely=-1 건강+하=healthy=1 "
    "심심+하=bored=-1 우울+하=gloomy=-1 불안+하=anxious=-1 친절+하=kind=1 똑똑+하=smart=1 정직+하=honest=1 게으르~르=lazy=-1 "
    "용감+하=brave=1 무례+하=rude=-1 유명+하=famous=0 부지런+하=diligent=1 거만+하=arrogant=-1 겸손+하=humble=1 초조+하=nervous=-1"
)

# key | Korean | English | objects | weight | subjects | places | flags | polarity | particle | preposition | adverbs
# flags: n may be negated, t takes a time of day, c takes a companion, s a state (no progressive, no place), o in the open air,
# i a refuge from bad weather, g the object is meant in general (bare plural), p the object is the subject's own (his hands),
# d has a recipient, R only in rain, S only in snow, v leaves no object to come back to, P only told of the past, y the object is no elder,
# w the object is what somebody said (Minsu's words)
FRAMES = """
eat        | 먹          | eat        | dish baked fruit   | 5   | h  | eat     | ntc  | 0 | object | | SAF
drink      | 마시        | drink      | drink              | 3   | h  | eat     | ntc  | 0 | object | | SA
make       | 만들        | make       | dish               | 2   | h  | kitchen | ntc  | 0 | object | | A
bake       | 굽~ㅂ       | bake       | baked              | 1   | h  | kitchen | ntc  | 0 | object | | A
boil       | 끓이        | boil       | boiled             | 1   | h  | kitchen | nt   | 0 | object | |
cut        | 자르~르     | cut        | cut                | 1   | h  | kitchen | n    | 0 | object | | S
read       | 읽          | read       | text               | 5   | h  | quiet   | ntci | 0 | object | | QAGL
write      | 쓰          | write      | writing            | 3   | h  | quiet   | ntc  | 0 | object | | QAS
translate  | 번역+하     | translate  | text               | 0.7 | h  | study   | nt   | 0 | object | | G
memorize   | 외우        | memorize   | memorized          | 0.7 | h  | study   | nt   | 0 | object | | F
use        | 쓰          | use        | tool               | 1.2 | h  | study   | nv   | 0 | object | | W
headwear   | 쓰          | put on     | headwear           | 1   | h  |         | n    | 0 | object | | CG
clothes    | 입          | put on     | clothes            | 2   | h  |         | n    | 0 | object | | CG
footwear   | 신          | put on     | footwear           | 1   | h  |         | n    | 0 | object | | CG
handwear   | 끼          | put on     | handwear           | 0.8 | h  |         | n    | 0 | object | | C
watch      | 보          | watch      | media              | 4   | h  | show    | ntci | 0 | object | | AG
see        | 보          | see        | animal sky flower | 2 | h | wild  | nv  | 0 | object | | 
listen     | 듣~ㄷ       | listen to  | audio              | 3   | h  | quiet   | ntci | 0 | object | | QAL
heed       | 듣~ㄷ       | listen to  | words speech       | 1.6 | h  | meet    | ntw  | 0 | object | | Q
believe    | 믿          | believe    | words speech       | 1.2 | h  |         | nsw  | 1 | object | |
remember   | 기억+하     | remember   | words speech       | 1.2 | h  |         | nsw  | 0 | object | |
understand | 이해+하     | understand | words speech       | 1.2 | h  |         | nsw  | 0 | object | | W
forget     | 잊          | forget     | words speech       | 0.8 | h  |         | nwP  | -1 | object | | F
ignore     | 무시+하     | ignore     | words              | 0.6 | h  |         | nw   | -1 | object | |
write_down | 적          | write down | words speech       | 1   | h  | study   | ntwv | 0 | object | | QF
strike     | 치          | play       | struck             | 1.5 | h  | show    | ntv  | 0 | object | | W
bow        | 켜          | play       | bowed              | 1   | h  | show    | ntv  | 0 | object | | W
ball       | 하          | play       | ballgame           | 2   | h  | sport   | ntcov | 0 | object | | HW
racket     | 치          | play       | racketgame         | 1.5 | h  | sport   | ntcv | 0 | object | | HW
turn_on    | 켜          | turn on    | appliance          | 1   | h  |         | nv   | 0 | object | | F
turn_off   | 끄          | turn off   | appliance          | 1   | h  |         | nv   | 0 | object | | F
study      | 공부+하     | study      | subject            | 3   | h  | study   | ntciv | 0 | object | | HAQ
learn      | 배우        | learn      | subject            | 1.5 | h  | study   | ntv  | 0 | object | | F
teach      | 가르치      | teach      | subject            | 1   | h  | study   | nv   | 0 | object | | W
buy        | 사          | buy        | fruit vegetable drink text clothes footwear headwear goods flower bought machine | 5 | h | shop | ntc | 0 | object | | C
sell       | 팔          | sell       | fruit vegetable flower goods bought | 1.2 | h | shop | nv | 0 | object | | F
lose       | 잃어버리    | lose       | goods handwear     | 1   | h  | meet    | vP | -1 | object | | G
find       | 찾          | find       | goods              | 1   | h  | meet    | nvP | 1 | object | | F
fix        | 고치        | fix        | machine            | 1.2 | h  | home    | nt   | 1 | object | | WFA
wash_fruit | 씻          | wash       | fruit vegetable    | 1   | h  | kitchen | n    | 0 | object | | SF
wash       | 씻          | wash       | washable           | 1   | h  |         | npv  | 0 | object | | F
brush      | 닦          | brush      | tooth              | 1   | h  |         | ntpv | 0 | object | |
wipe       | 닦          | wipe       | surface            | 1   | h  |         | ntv  | 0 | object | | Q
shut_eyes  | 감          | close      | eye                | 0.8 | h  |         | npv  | 0 | object | | Q
wash_hair  | 감          | wash       | hair               | 0.8 | h  |         | ntpv | 0 | object | |
injure     | 다치        | hurt       | injured            | 1.6 | h  | sport   | pvP | -1 | object | |
ache       | 아프        | have       | ache               | 3   | h  |         | nsv  | -1 | subject | |
take       | 타          | take       | transit            | 2.5 | h  |         | nt   | 0 | object | | CE
ride       | 타          | ride       | ridden             | 1.5 | h  | open    | nto  | 0 | object | | WA
drive      | 운전+하     | drive      | driven             | 1   | h  |         | nt   | 0 | object | | SW
go         | 가          | go         | @goal              | 4   | h  |         | ntc  | 0 | in | | FEA
travel     | 여행:NNG/을:JKO 가 | travel | @city            | 1   | h  |         | nc   | 0 | by | | A
stay       | 있          | stay       | @stay              | 1.5 | h  |         | nti  | 0 | in | | AL
sleep      | 자          | sleep      |                    | 1.5 | hmvb | home    | ni   | 0 | | | WL
rest       | 쉬          | rest       |                    | 1.5 | h  | home    | nti  | 0 | | | LA
walk       | 걷~ㄷ       | walk       |                    | 1.5 | h  | open    | ntco | 0 | | | SAL
run        | 달리        | run        |                    | 1.2 | hmv | open    | no   | 0 | | | FS
play       | 놀          | play       |                    | 1   | hmv | open    | no   | 0 | | | L
swim       | 수영+하     | swim       |                    | 0.8 | h  | swim    | ntco | 0 | | | L
exercise   | 운동+하     | exercise   |                    | 1.2 | h  | sport   | ntc  | 0 | | | H
dance      | 춤:NNG/을:JKO 추 | dance |                    | 1   | h  | show    | nc   | 1 | | | W
sing       | 노래+하     | sing       |                    | 1   | h  | show    | nc   | 1 | | | W
work       | 일+하       | work       |                    | 2   | h  | work    | nt   | 0 | | | HTL
laugh      | 웃          | laugh      |                    | 1   | h  | meet    | n    | 1 | | | GL
cry        | 울          | cry        |                    | 0.8 | h  | home    | n    | -1 | | | GLA
get_up     | 일어나      | get up     |                    | 1   | h  |         | nP | 0 | | | ET
stroll     | 산책+하     | take a walk |                   | 1.5 | h  | open    | ntco | 0 | | | A
fish       | 낚시+하     | fish       |                    | 0.6 | h  | waterside  | nco  | 0 | | | AL
clean      | 청소+하     | clean      | room               | 1.5 | h  |         | nv   | 0 | object | | AF
laundry    | 빨래+하     | do the laundry |                | 0.8 | h  |         | nt   | 0 | | | 
dishes     | 설거지+하   | do the dishes |                 | 0.8 | h  |         | nt   | 0 | | | 
cook       | 요리+하     | cook       |                    | 1   | h  | kitchen | nti  | 0 | | | A
angry      | 화:NNG/가:JKS 나 | get angry |                | 0.8 | h  |         | nP | -1 | | | G
fall       | 넘어지      | fall down  |                    | 0.7 | h  | open    | P | -1 | | | G
win        | 경기:NNG/에서:JKB 이기 | win the game |      | 0.8 | h  |         | nP | 1 | | | G
defeat     | 경기:NNG/에서:JKB 지 | lose the game |       | 0.8 | h  |         | nP | -1 | | | G
exam       | 시험:NNG/을:JKO 보 | take an exam |          | 0.8 | h  | study   | n    | 0 | | | G
wait       | 기다리      | wait for   | person             | 1.5 | h  | meet    | nt   | 0 | object | | LA
meet       | 만나        | meet       | person             | 2.5 | h  | meet    | nt   | 0 | object | | G
help       | 돕~ㅂ       | help       | person             | 1.5 | h  | meet    | n    | 1 | object | |
praise     | 칭찬+하     | praise     | person             | 1   | h  |         | ny   | 1 | object | | G
scold      | 꾸짖        | scold      | person             | 0.8 | h  |         | ny   | -1 | object | | G
invite     | 초대+하     | invite     | person             | 1   | h  |         | n    | 1 | object | | G
call_out   | 부르~르     | call       | person             | 1   | h  |         | n    | 0 | object | | GQ
phone      | 전화+하     | call       | person             | 1.5 | h  |         | nt   | 0 | to | | G
hug        | 안          | hug        | person             | 0.8 | h  |         | n    | 1 | object | | Q
love       | 사랑+하     | love       | person             | 0.8 | h  |         | ns   | 1 | object | |
like       | 좋아하~하   | like       | hobby              | 1.5 | h  |         | nsg  | 1 | object | |
dislike    | 싫어하~하   | dislike    | hobby              | 1   | h  |         | nsg  | -1 | object | |
miss       | 그리워하~하 | miss       | person             | 0.7 | h  |         | ns   | -1 | object | |
respect    | 존경+하     | respect    | person             | 0.7 | h  |         | ns   | 1 | object | |
trust      | 믿          | trust      | person             | 0.7 | h  |         | ns   | 1 | object | |
deceive    | 속이        | deceive    | person             | 0.5 | h  |         | n    | -1 | object | | G
comfort    | 위로+하     | comfort    | person             | 0.7 | h  |         | n    | 1 | object | |
apologize  | 사과+하     | apologize  | person             | 0.8 | h  |         | n    | 0 | to | to | G
greet      | 인사+하     | say hello  | person             | 0.8 | h  | meet    | n    | 0 | to | to | 
fight      | 싸우        | fight      | person             | 0.7 | h  | meet    | n    | -1 | with | with | G
talk       | 이야기+하   | talk       | person             | 1.2 | h  | meet    | nt   | 0 | with | with | QL
give       | 주          | give       | gift               | 2   | h  | meet    | nd   | 1 | object | |
send       | 보내        | send       | parcel             | 1.2 | h  |         | nd   | 0 | object | |
lend       | 빌려주      | lend       | text goods         | 0.8 | h  |         | nd   | 1 | object | |
show       | 보여주      | show       | photo craft        | 0.8 | h  | meet    | nd   | 0 | object | |
draw       | 그리        | draw       | animal flower      | 1.2 | h  | quiet   | nt   | 0 | object | | AW
photo      | 찍          | take       | photo              | 0.8 | h  | wild    | nc   | 0 | object | |
plant      | 심          | plant      | planted            | 0.8 | h  | garden  | nco  | 0 | object | |
raise      | 키우        | raise      | pet                | 0.8 | h  | home    | nv   | 0 | object | | A
throw      | 던지        | throw      | thrown             | 0.7 | h  | open    | nov  | 0 | object | | F
kick       | 차          | kick       | kicked             | 0.7 | h  | open    | nov  | 0 | object | |
open       | 열          | open       | opening            | 1.2 | h  |         | nv   | 0 | object | | QSF
close      | 닫          | close      | opening            | 1.2 | h  |         | nv   | 0 | object | | QSF
cross      | 건너        | cross      | crossing           | 2.5 | h  |         | nv   | 0 | object | | SFA
sit        | 앉          | sit on     | seat               | 0.8 | h  |         | nv   | 0 | in | | QAL
solve      | 풀          | solve      | puzzle             | 1.2 | h  | study   | nt   | 1 | object | | FAW
craft      | 만들        | make       | craft              | 1   | h  | home    | n    | 0 | object | | AQ
umbrella   | 쓰          | use        | umbrella           | 2   | h  |         | nvRi | 0 | object | |
snowman    | 만들        | make       | snowman            | 3   | h  | yard    | ncS  | 1 | object | |
feed_meat  | 먹          | eat        | prey               | 4   | m  | wild    | v    | 0 | object | | SF
feed_plant | 먹          | eat        | fodder             | 4   | v  | wild    | v    | 0 | object | | SF
feed_grain | 먹          | eat        | grain              | 3   | b  | wild    | v    | 0 | object | | F
lap        | 마시        | drink      | lapped             | 1.5 | mvb | wild   | v    | 0 | object | | SF
fly        | 날아다니    | fly        |                    | 4   | bn | wild    |      | 0 | | | SQ
"""

# What people do to things and people that a relative clause can tell: "the bread that Grandmother made".
RELATIVE_VERBS = {
    "dish baked": "만들=make 사=buy",
    "fruit vegetable": "사=buy 고르~르=choose",
    "drink": "사=buy 준비+하=prepare",
    "text media audio": "추천+하=recommend 고르~르=choose",
    "clothes footwear headwear handwear goods tool": "사=buy 고르~르=choose 찾=find",
    "machine bought": "사=buy 고치=fix",
    "craft gift flower": "고르~르=choose 준비+하=prepare",
}
RELATIVE_PERSON_VERBS = "칭찬+하=praise 만나=meet 돕~ㅂ=help 초대+하=invite 가르치=teach 기다리=wait for 부르~르=call 인터뷰+하=interview 꾸짖=scold"
