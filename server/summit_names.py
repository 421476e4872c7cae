"""Invented names for a made-up summit: which languages a country brings, and how names are built in each.

Given and family names are common ones, combined by the dice that are passed in, in the order and with the
endings that the language wants. It must not know about categories, sessions or files.
"""
# ruff: noqa: RUF001 -- the letters that look like Latin ones are the point: they are how these names are spelled

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Tongue:
    """One language's building blocks; a family name is (after a man's name, after a woman's name)."""

    tag: str
    shapes: tuple[str, ...]
    women: tuple[str, ...]
    men: tuple[str, ...]
    families: tuple[tuple[str, str], ...]

    def name(self, rng: Random) -> str:
        """Return a full name, as it is written on a badge."""
        woman = rng.random() < 0.5
        given = rng.choice(self.women if woman else self.men)
        family, second = (pair[woman] for pair in rng.sample(self.families, 2))
        return rng.choice(self.shapes).format(given=given, family=family, second=second)


# Four lines a language: tag, shapes, countries; women; men; families (masculine/feminine where they differ).
_TABLE = """
fr | {given} {family} | France, Belgium, Luxembourg, Monaco, Switzerland, Canada
Amélie, Anne-Laure, Capucine, Clémence, Élodie, Maëlle, Noémie, Solène
Aurélien, Benoît, Étienne, Gaël, Jean-Baptiste, Loïc, Raphaël, Yves
Béranger, Castaing, d'Aubigné, de La Rochebrune, Delaunay, L'Hermitte, Le Goff, Lefèvre, Marchand-Duval
fr | {given} {family} | Senegal, Côte d'Ivoire, Benin, Togo
Adjoua, Aïssatou, Aminata, Awa, Fatou, Mariam, Ramatoulaye
Abdoulaye, Cheikh, Koffi, Mamadou, Moussa, Ousmane
Adjovi, Bâ, Badji, Cissokho, Hounkpatin, Kouamé, N'Diaye, N'Guessan, Sambou
fr | {given} {family} | Cameroon, Democratic Republic of the Congo
Bijou, Clarisse, Espérance, Grâce, Merveille, Solange
Blaise, Dieudonné, Fiston, Jean-Bosco, Trésor
Abena, Essomba, Ilunga, Kalonji, Kasongo-Mwamba, M'Bala, Mukendi, Mvondo, Ngo Bikoï
rw | {family} {given} | Rwanda
Claudine, Immaculée, Josiane, Vestine
Célestin, Emmanuel, Innocent, Théogène
Mukamana, Munyaneza, Ndayisenga, Nkurikiyimana, Twagirayezu, Uwimana
mg | {family} {given} | Madagascar
Fanja, Hanitra, Lalaina, Miora, Voahanginirina
Mamitiana, Njaka, Solofoniaina, Tahina
Andriamanantenasoa, Andrianjafitrimoarivelo-Razafindrakotohasina, Rakotonirina-Ravelojaona, Ramanantsoavina
en | {given} {family} | United Kingdom, Ireland, United States, Canada, Australia, New Zealand, Jamaica
Abigail, Beatrice, Charlotte, Imogen, Niamh, Philippa, Siobhán, Tamsin
Alasdair, Cormac, Dashiell, Fergus, Leopold, Oisín, Rupert, Winston
Ashworth, Birtwhistle, Fairweather, Featherstonehaugh-Cholmondeley, MacAllister, O'Halloran, Pemberton, Whitlock
de | {given} {family} | Germany, Austria, Switzerland, Liechtenstein, Luxembourg
Annegret, Dörte, Friederike, Käthe, Liselotte, Mareike, Wiebke
Eberhard, Götz, Hans-Jürgen, Jörg, Lothar, Matthäus, Sönke
Großweber, Köhlmann, Löwenthal, Rübsam, Strößner, Übelacker, von Hohenstein-Weißenburg zu Altenfels, Zschiesche
nl | {given} {family} | Netherlands, Belgium, Suriname
Aafke, Femke, Geertje, Liesbeth, Maaike, Noor
Bastiaan, Diederik, Joost, Maarten, Sjoerd, Wouter
't Hoen, de Graaff, IJzerman, ter Horst, van 't Veld, van den Boogaard-Dekker, van der Bruggen, Zuiderveen
da | {given} {family} | Denmark
Astrid, Birgitte, Kirsten, Maren, Sørine
Anders, Esben, Jørgen, Søren, Torben
Ågaard, Bækgaard, Kjærulff, Nørregaard, Skovbjerg, Østerby
nb | {given} {family} | Norway
Åshild, Bjørg, Ingvild, Ragnhild, Solveig
Eirik, Håkon, Kjetil, Øystein, Torbjørn
Bjørnstad, Fjellheim, Grønli, Hårstad, Kvåle, Sæther, Østvik
sv | {given} {family} | Sweden, Finland
Agneta, Åsa, Elin, Linnéa, Märta
Björn, Göran, Håkan, Nils-Åke, Östen
Ångström-Wiklund, Björkqvist, Hägglund, Lindqvist, Öhrström, Sjögren
fi | {given} {family} | Finland
Aino, Helmi, Päivi, Sisko, Tähti
Eero, Jyrki, Onni, Väinö, Yrjö
Hämäläinen, Kettunen, Mäenpää, Pöyhönen, Väänänen, Yli-Jääskö
et | {given} {family} | Estonia
Kadri, Külli, Liis, Õnne
Jüri, Märt, Tõnu, Ülo
Jõgi, Kõiv, Mägi, Põldmäe, Üksvärav
is | {given} {family} | Iceland
Ásdís, Guðrún, Ólöf, Sigríður, Þórunn
Ægir, Björgvin, Guðmundur, Höskuldur, Þorvaldur
Ásgeirsson/Ásgeirsdóttir, Eyjólfsson/Eyjólfsdóttir, Þorsteinsson/Þorsteinsdóttir, Össurarson/Össurardóttir
lv | {given} {family} | Latvia
Dzintra, Ilze, Līga, Mārīte, Žanna
Agris, Gatis, Jānis, Kārlis, Mārtiņš
Ābols/Ābola, Grīnbergs/Grīnberga, Ķēniņš/Ķēniņa, Kļaviņš/Kļaviņa, Zvirbulis/Zvirbule
lt | {given} {family} | Lithuania
Aušra, Eglė, Jūratė, Rūta, Živilė
Algirdas, Gytis, Kęstutis, Šarūnas, Žygimantas
Balčiūnas/Balčiūnienė, Kazlauskas/Kazlauskienė, Vaičiulis/Vaičiulytė, Žemaitis/Žemaitienė, Žukauskas/Žukauskaitė
pl | {given} {family} | Poland
Agnieszka, Bożena, Grażyna, Jagoda, Małgorzata
Bogumił, Grzegorz, Kazimierz, Łukasz, Wojciech
Chrząszczewski/Chrząszczewska, Dąbkowski/Dąbkowska, Gżegżółka, Łękawski/Łękawska, Źrebiec, Żółtowski/Żółtowska
cs | {given} {family} | Czechia
Běla, Květa, Ludmila, Markéta, Růžena
Bořivoj, Jiří, Řehoř, Václav, Zdeněk
Čermák/Čermáková, Dvořáček/Dvořáčková, Říha/Říhová, Šťastný/Šťastná, Žďárský/Žďárská
sk | {given} {family} | Slovakia
Božena, Kvetoslava, Ľudmila, Želmíra
Ctibor, Dušan, Ľubomír, Žigmund
Ďurica/Ďuricová, Hlaváč/Hlaváčová, Kráľovič/Kráľovičová, Ľupták/Ľuptáková
hu | {family} {given} | Hungary
Ágnes, Boglárka, Gyöngyi, Réka, Zsófia
András, Csaba, Gergő, Lőrinc, Zsigmond
Bárány, Csörgő, Gyöngyösi-Szűcs, Kerekes, Őrlős, Szőllősi, Tűzkő
ro | {given} {family} | Romania, Moldova
Anca, Doinița, Mălina, Ruxandra, Ștefania
Ciprian, Dragoș, Ionuț, Răzvan, Ștefan
Bălănescu, Crăciun, Lăcătușu, Mureșanu, Țurcanu, Vâlceanu
hr | {given} {family} | Croatia
Božica, Dubravka, Jadranka, Željka
Dražen, Hrvoje, Krešimir, Živko
Čačić, Đurđević, Grgić-Šimunović, Marušić, Žigmundović
sl | {given} {family} | Slovenia
Alenka, Breda, Nežka, Živa
Andraž, Blaž, Gašper, Žiga
Čopič, Hočevar, Kržišnik, Mlinšek, Žagar
sr-Cyrl | {given} {family} | Serbia
Драгана, Јелисавета, Љубица, Светлана
Бранислав, Ђорђе, Љубомир, Часлав
Благојевић, Ђукић, Лазаревић, Љубичић, Маринковић, Чолаковић
bg | {given} {family} | Bulgaria
Василка, Десислава, Ивелина, Радостина, Цветелина
Асен, Борислав, Калоян, Любомир, Светослав
Ангелов/Ангелова, Бояджиев/Бояджиева, Велчев/Велчева, Копривщенски/Копривщенска
mk | {given} {family} | North Macedonia
Благородна, Виолета, Ѓурѓица, Снежана
Благоја, Ѓорѓи, Кирил, Ќиро
Божиновски/Божиновска, Јанкуловски/Јанкуловска, Ќосевски/Ќосевска, Трпковски/Трпковска
uk | {given} {family} | Ukraine
Богдана, Дарина, Євдокія, Зоряна, Мар’яна
Андрій, В’ячеслав, Григорій, Тарас, Юхим
Гнатюк, Зубрицький/Зубрицька, Кравчишин, Лук’яненко, Мельничук, Щербаківський/Щербаківська
kk | {given} {family} | Kazakhstan
Айгүл, Әсел, Жұлдыз, Қарлығаш
Бауыржан, Ерлан, Қайрат, Нұржан
Әбдірахманов/Әбдірахманова, Жүнісов/Жүнісова, Құлмағамбетов/Құлмағамбетова, Өмірзақов/Өмірзақова
mn | {family} {given}; {given} | Mongolia
Наранцэцэг, Оюунчимэг, Сарантуяа, Цэцэгмаа
Батбаяр, Ганбаатар, Төмөрбаатар, Энхтүвшин
Болдбаатарын, Лувсандоржийн, Мөнхбаярын, Пүрэвийн
el | {given} {family} | Greece, Cyprus
Αγγελική, Ελευθερία, Ευγενία, Καλλιόπη, Χρυσούλα
Αριστείδης, Θεόφιλος, Ξενοφών, Στυλιανός, Χαράλαμπος
Αναγνωστόπουλος/Αναγνωστοπούλου, Καραγιαννίδης/Καραγιαννίδου, Ξανθόπουλος/Ξανθοπούλου, Χατζηαντωνίου
tr | {given} {family} | Türkiye
Ayşegül, Çiğdem, Gülşah, İpek, Şükran
Çağatay, İlhan, Oğuzhan, Şükrü, Ünal
Akçakoca, Çetinkaya, Gökdağ, İnanöz, Şahinoğlu, Yeşilırmak
az | {given} {family} | Azerbaijan
Aygün, Günay, Nərmin, Şəfəq
Elçin, Fərid, Rəşad, Vüqar
Cəfərov/Cəfərova, Həsənzadə, Məmmədli, Şükürlü, Vəlizadə
uz | {given} {family} | Uzbekistan
Dilnoza, Gulchehra, Oʻgʻiloy, Zulfiya
Gʻayrat, Jahongir, Oʻktam, Sherzod
Abdugʻaniyev/Abdugʻaniyeva, Gʻulomov/Gʻulomova, Ortiqov/Ortiqova, Toʻraqulov/Toʻraqulova
ka | {given} {family} | Georgia
ეთერი, თამუნა, მანანა, ნინო, ქეთევან
ბესიკ, ვახტანგ, ლევან, შოთა
ბერიძე, კაპანაძე, ლომიძე, მჭედლიშვილი, წიკლაური, ხვედელიძე
hy | {given} {family} | Armenia
Անահիտ, Գայանե, Լուսինե, Շուշան, Տաթևիկ
Արտակ, Գևորգ, Հրանտ, Մհեր, Վարազդատ
Բաղդասարյան, Գասպարյան, Ղազարյան, Մկրտչյան, Չիլինգարյան, Տեր-Ղևոնդյան
es | {given} {family} {second} | Spain, Mexico, Argentina, Chile, Colombia, Peru, Uruguay, Costa Rica, Ecuador
Ana Lucía, Begoña, Concepción, Inés, Itziar, María de los Ángeles, Rocío, Ximena
Álvaro, Efraín, Hernán, Íñigo, Joaquín, José Ángel, Martín, Raúl
Acuña, Bermúdez, Cárdenas, de la Peña, Echeverría, Ibáñez, Ledesma, Núñez, Ordóñez, Ruiz-Olalla, Zúñiga
pt | {given} {family} {second} | Portugal, Brazil, Angola, Mozambique, Cabo Verde
Ângela, Conceição, Graça, Inês, Lúcia, Maria João
Abílio, Estêvão, Gonçalo, João Paulo, Simão, Tomé
Carvalhal, Cavalcanti e Vasconcelos, d'Ávila, Falcão, Guimarães, Magalhães, Sant'Anna, Simões
it | {given} {family} | Italy, San Marino, Switzerland
Agnese, Chiara, Fiammetta, Mariagrazia, Ornella
Cosimo, Ettore, Jacopo, Nicolò, Tancredi
Bevilacqua, D'Angelo, Degl'Innocenti, Dell'Orto, Lo Monaco, Quarantotti, Zampieri
ar | {given} {family} | Egypt, Jordan, Morocco, Tunisia, Algeria, Lebanon
أمينة, بشرى, رنا, سلمى, نادية, هالة, ياسمين
أنس, بلال, زياد, طارق, عماد, كريم, وائل
الحداد, الخطيب, العلوي, المراكشي, النجار, بن يوسف, بوزيان, درويش, زيتوني, عبد الحق
ar | {given} {family} | Saudi Arabia, United Arab Emirates, Qatar, Kuwait, Oman
حصة, شيخة, عائشة, لطيفة, مريم, نورة
جاسم, خلفان, راشد, ماجد, مبارك, يعقوب
الحارثي, بن عبد الرحمن المهيري/بنت عبد الرحمن المهيري, البلوشي, الدوسري, الرميحي, الشمري, العتيبي, المري
he | {given} {family} | Israel
אביגיל, דבורה, נעמה, רונית, שולמית, תמר
אהרון, הלל, יונתן, נחום, עומרי
אברבנאל, בן-שושן, גולדפרב, דה-ליאון, צ'רניאק, קרפינסקי
ur | {given} {family} | Pakistan
ثمینہ, زینب, عائشہ, ماہ نور, نازیہ
جنید, عمیر, فرحان, فیصل, نعمان
اعوان, بخاری, چغتائی, درانی, میمن, ہاشمی
hi | {given} {family} | India
अनुराधा, ऋतुजा, कावेरी, मीनाक्षी, वसुंधरा, श्रेया
अभिषेक, ओंकार, चंद्रशेखर, देवदत्त, निखिल, यशवर्धन
अग्निहोत्री, कुलश्रेष्ठ, चतुर्वेदी, त्रिपाठी, मल्होत्रा, श्रीवास्तव
ne | {given} {family} | Nepal
अस्मिता, पवित्रा, सुनिता, सरस्वती
दीपेन्द्र, प्रकाशमान, लोकबहादुर, सन्तोष
अधिकारी, गुरुङ, ढकाल, तामाङ, रिमाल, श्रेष्ठ
bn | {given} {family} | Bangladesh, India
অনন্যা, তাহমিনা, নুসরাত, ফারজানা, মৌসুমী, শর্মিলা
আরিফ, কামরুল, তানভীর, রফিকুল, শফিক, সৌমিত্র
আখন্দ, চক্রবর্তী, চৌধুরী, তালুকদার, বন্দ্যোপাধ্যায়, ভূঁইয়া, মজুমদার
ta | {given} {family}; {given} | India, Sri Lanka, Singapore
கயல்விழி, தமிழ்ச்செல்வி, பூங்குழலி, மீனாட்சி, யாழினி
கதிரவன், செந்தில்குமார், மணிவண்ணன், முருகேசன்
ஆறுமுகம், இளங்கோவன், கந்தசாமி, சிவசுப்பிரமணியம், பொன்னம்பலம், வேங்கடராமன்
si | {given} {family} | Sri Lanka
අනෝමා, කුමාරි, නිලූෂා, සඳමාලි
අසංක, චමින්ද, නිමල්, රුවන්
කරුණාරත්න, ගුණවර්ධන, පෙරේරා, වීරක්කොඩි, සමරසිංහ
th | {given} {family} | Thailand
กนกวรรณ, ชลธิชา, พิมพ์ใจ, รัตนาภรณ์, สุภาวดี
กิตติศักดิ์, ณรงค์ฤทธิ์, ธนากร, ปิยะพงษ์, วีรวัฒน์
เจริญสุขวัฒนา, ทองประเสริฐ, บุญเรืองศรี, พงศ์พิพัฒน์ไพศาล, อุดมโชคชัย
km | {family} {given} | Cambodia
បុប្ផា, រតនា, សុភា, សុជាតា
ដារា, ពិសិដ្ឋ, វណ្ណា, វិចិត្រ
គឹម, ចាន់, មាស, សុខ, ហេង
vi | {family} {given} | Vietnam
Bích Hạnh, Diễm Quỳnh, Hồng Nhung, Mỹ Duyên, Thảo
Bảo, Đạt, Nghĩa, Thịnh, Tùng
Đặng Đình/Đặng Thị, Huỳnh Công/Huỳnh Thị, Lê Hữu/Lê Thị, Nguyễn Văn/Nguyễn Thị, Trần Quốc/Trần Thị
zh-Hans | {family}{given} | China, Singapore
慧敏, 佳怡, 静雯, 若兰, 诗涵, 雪梅
国栋, 建华, 明哲, 天佑, 文博, 志远
陈, 郭, 何, 孔, 罗, 欧阳, 司马, 孙, 徐, 郑, 诸葛
ja | {family} {given} | Japan
あかり, エリカ, 恵美子, さくら, 千鶴, 美咲
健一郎, 翔太, 大輔, 直樹, ひろし, 龍之介
相沢, 伊集院, 菊池, 櫻井, 勅使河原, 長谷川, 渡邊
ko | {family}{given} | Republic of Korea
가은, 다빈, 보람, 서연, 은하, 하윤
건우, 도현, 민준, 상혁, 재현, 태윤
강, 남궁, 박, 서, 선우, 윤, 정, 최, 황보
id | {given}; {given} {family} | Indonesia
Nurhayati, Puspita, Sulastri, Wulandari
Darmawangsa, Hartono, Sutrisno, Wiratmaja
Hadiningrat, Kusumaningrat, Prawiranegara, Tanjungsari
ms | {given} {family} | Malaysia, Brunei, Singapore
Farah Nabila, Nur Aisyah, Siti Khadijah, Sofea, Wan Zulaikha
Ahmad Zulkifli, Hafizuddin, Mohd Faizal, Nik Azhari, Razlan
bin Abdul Rahman/binti Abdul Rahman, bin Daud/binti Daud, bin Haji Osman/binti Haji Osman, bin Yahya/binti Yahya
fil | {given} {family} | Philippines
Dalisay, Ligaya, Maria Luz, Mayumi
Bayani, Crisanto, Lakandula, Renato
Catacutan, Dela Cruz-Santiago, Dimaculangan, Macaraeg, Magbanua, Peñaflorida
am | {given} {family} | Ethiopia
ሀና, ሰላማዊት, ትዕግስት, ብርቱካን, አልማዝ
ሃብታሙ, ተስፋዬ, ዮሐንስ, ገብረመድኅን, ፀጋዬ
ተክለሃይማኖት, አየለ, ከበደ, ወልደማርያም, ደስታ, ገብረእግዚአብሔር
en | {given} {family} | Nigeria
Adébísí, Chinyere, Folákẹ́, Nkechi
Adébáyọ̀, Chukwuemeka, Ìdòwú, Olúwáṣeun
Adéyẹmí, Eze-Nwosu, Ọgúnlẹ́yẹ, Okonkwo, Ọkpara, Ṣówándé
en | {given} {family} | Ghana
Abena, Adwoa, Akosua, Efua
Kojo, Kwabena, Kweku, Yaw
Amankwah, Boateng-Asare, Owusu-Ansah, Quartey, Tetteh
sw | {given} {family} | Kenya, Tanzania
Achieng', Neema, Rehema, Wanjirũ, Zawadi
Baraka, Juma, Kĩmani, Otieno
Mwakasege, Ng'ang'a, Ng'eno, Ochieng', Shayo, Wafula
lg | {family} {given} | Uganda
Babirye, Nakato, Namutebi, Nansubuga
Kato, Lubega, Ssemwanga, Wasswa
Kiggundu, Lubwama, Mayanja, Ssebunya
en | {given} {family} | South Africa, Botswana
Anneke, Lerato, Mpho, Nomvula, Thandiwe
Bongani, Jaco, Kagiso, Sipho, Tshepo
Mokoena, Molefe-Tshabalala, Mthembu, Sithole, van der Westhuizen
"""


def _tongues_by_country(table: str) -> dict[str, tuple[Tongue, ...]]:
    countries: dict[str, tuple[Tongue, ...]] = {}
    lines = table.strip().splitlines()
    for start in range(0, len(lines), 4):
        tag, shapes, homes = lines[start].split(" | ")
        women, men, families = (tuple(line.split(", ")) for line in lines[start + 1 : start + 4])
        pairs = tuple((each.split("/")[0], each.split("/")[-1]) for each in families)
        tongue = Tongue(tag, tuple(shapes.split("; ")), women, men, pairs)
        for country in homes.split(", "):
            countries[country] = (*countries.get(country, ()), tongue)
    return countries


COUNTRIES = _tongues_by_country(_TABLE)
"""Every country of the summit, with the languages that its people may bring."""
