"""Facts and words that one question each is asked about."""

from __future__ import annotations


def _pairs(text: str) -> tuple[tuple[str, ...], ...]:
    """ "a=b=c; d=e=f" as rows."""
    return tuple(tuple(cell.strip() for cell in row.split("=")) for row in text.split(";"))


CAPITALS = _pairs(
    "France=Paris; Germany=Berlin; Italy=Rome; Spain=Madrid; Portugal=Lisbon; Austria=Vienna; Greece=Athens; "
    "Norway=Oslo; Sweden=Stockholm; Finland=Helsinki; Denmark=Copenhagen; Ireland=Dublin; Poland=Warsaw; "
    "Hungary=Budapest; Romania=Bucharest; Bulgaria=Sofia; Croatia=Zagreb; Serbia=Belgrade; Iceland=Reykjavik; "
    "Turkey=Ankara; Ukraine=Kyiv; Belgium=Brussels; Estonia=Tallinn; Latvia=Riga; Lithuania=Vilnius; Egypt=Cairo; "
    "Morocco=Rabat; Tunisia=Tunis; Kenya=Nairobi; Ghana=Accra; Senegal=Dakar; Nigeria=Abuja; Ethiopia=Addis Ababa; "
    "Uganda=Kampala; Japan=Tokyo; China=Beijing; India=New Delhi; Thailand=Bangkok; Vietnam=Hanoi; Nepal=Kathmandu; "
    "Mongolia=Ulaanbaatar; South Korea=Seoul; Iran=Tehran; Iraq=Baghdad; Jordan=Amman; Lebanon=Beirut; "
    "Canada=Ottawa; Mexico=Mexico City; Cuba=Havana; Peru=Lima; Chile=Santiago; Argentina=Buenos Aires; "
    "Brazil=Brasília; Colombia=Bogotá; Ecuador=Quito; Uruguay=Montevideo; Venezuela=Caracas; Australia=Canberra; "
    "New Zealand=Wellington; Fiji=Suva"
)
CONTINENTS = _pairs(
    "Peru=South America; Chile=South America; Bolivia=South America; Paraguay=South America; Brazil=South America; "
    "Ecuador=South America; Kenya=Africa; Ghana=Africa; Senegal=Africa; Morocco=Africa; Zambia=Africa; Angola=Africa; "
    "Mali=Africa; Namibia=Africa; Rwanda=Africa; Malawi=Africa; Japan=Asia; Nepal=Asia; Vietnam=Asia; India=Asia; "
    "Mongolia=Asia; Thailand=Asia; Laos=Asia; Bhutan=Asia; Cambodia=Asia; France=Europe; Poland=Europe; Norway=Europe; "
    "Greece=Europe; Ireland=Europe; Hungary=Europe; Belgium=Europe; Finland=Europe; Slovenia=Europe; Canada=North "
    "America; Mexico=North America; Cuba=North America; Guatemala=North America"
)
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
TRANSLATIONS = _pairs(  # English, French, Spanish, German, Italian
    "house=maison=casa=Haus=casa; water=eau=agua=Wasser=acqua; bread=pain=pan=Brot=pane; sun=soleil=sol=Sonne=sole; "
    "moon=lune=luna=Mond=luna; book=livre=libro=Buch=libro; friend=ami=amigo=Freund=amico; "
    "dog=chien=perro=Hund=cane; cat=chat=gato=Katze=gatto; tree=arbre=árbol=Baum=albero; day=jour=día=Tag=giorno; "
    "night=nuit=noche=Nacht=notte; milk=lait=leche=Milch=latte; apple=pomme=manzana=Apfel=mela; "
    "school=école=escuela=Schule=scuola; red=rouge=rojo=rot=rosso; white=blanc=blanco=weiß=bianco; "
    "black=noir=negro=schwarz=nero; thank you=merci=gracias=danke=grazie; good morning=bonjour=buenos días=guten "
    "Morgen=buongiorno; yes=oui=sí=ja=sì; hand=main=mano=Hand=mano; heart=cœur=corazón=Herz=cuore; "
    "fish=poisson=pez=Fisch=pesce; street=rue=calle=Straße=strada; city=ville=ciudad=Stadt=città; "
    "winter=hiver=invierno=Winter=inverno; green=vert=verde=grün=verde; child=enfant=niño=Kind=bambino; "
    "mother=mère=madre=Mutter=madre"
)
LANGUAGES = ("French", "Spanish", "German", "Italian")
OPPOSITES = _pairs(
    "hot=cold; early=late; loud=quiet; full=empty; heavy=light; strong=weak; rich=poor; wide=narrow; deep=shallow; "
    "sharp=blunt; wet=dry; brave=cowardly; generous=stingy; ancient=modern; smooth=rough; bright=dark; near=far; "
    "simple=complicated; accept=refuse; arrive=depart; build=destroy; buy=sell; remember=forget; win=lose; "
    "open=close; increase=decrease; victory=defeat; friend=enemy; success=failure; guest=host; above=below; "
    "inside=outside; always=never; everybody=nobody; polite=rude; fresh=stale; guilty=innocent; visible=invisible; "
    "patient=impatient; honest=dishonest"
)
PAST = _pairs(
    "go=went; see=saw; eat=ate; write=wrote; sing=sang; bring=brought; teach=taught; fly=flew; swim=swam; "
    "think=thought; begin=began; choose=chose; drink=drank; fall=fell; find=found; give=gave; hold=held; know=knew; "
    "leave=left; lose=lost; run=ran; speak=spoke; stand=stood; take=took; throw=threw; understand=understood; "
    "wear=wore; break=broke; catch=caught; drive=drove"
)
PLURALS = _pairs(
    "child=children; mouse=mice; foot=feet; tooth=teeth; goose=geese; man=men; woman=women; leaf=leaves; "
    "knife=knives; wolf=wolves; city=cities; box=boxes; potato=potatoes; sheep=sheep; crisis=crises; fish=fish; "
    "wife=wives; berry=berries; church=churches; hero=heroes"
)
YOUNG = _pairs(
    "cow=calf; horse=foal; sheep=lamb; goat=kid; dog=puppy; cat=kitten; lion=cub; bear=cub; hen=chick; "
    "duck=duckling; goose=gosling; swan=cygnet; frog=tadpole; deer=fawn; kangaroo=joey; pig=piglet; owl=owlet; "
    "seal=pup; eagle=eaglet; butterfly=caterpillar"
)
DEFINITIONS = _pairs(
    "ancestor=a person from whom one is descended, such as a great-grandmother; archive=a place where old documents "
    "are kept; bargain=something that is bought for less than its usual price; bilingual=able to speak two "
    "languages well; blizzard=a heavy snowstorm with strong wind; carnivore=an animal that eats meat; census=an "
    "official count of the people in a country; courage=the will to do something although one is afraid; debt=money "
    "that one owes to somebody; drought=a long time without rain; echo=a sound that is heard again because it is "
    "thrown back by a surface; erosion=the slow wearing away of rock or soil by water, wind or ice; fossil=the "
    "remains or the print of a living thing from very long ago, kept in stone; harbour=a sheltered place on the "
    "coast where ships can lie; herbivore=an animal that eats plants; hesitate=to wait a moment before doing "
    "something because one is unsure; horizon=the line where the sky seems to meet the earth or the sea; "
    "irony=saying the opposite of what one means, often for humour; jury=a group of citizens who decide in court "
    "whether someone is guilty; lunar=having to do with the moon; migration=the movement of animals or people from "
    "one region to another; nocturnal=active at night; orbit=the path of one body around another in space; orphan=a "
    "child whose parents have died; peninsula=a piece of land with water on three sides; predator=an animal that "
    "hunts other animals; prejudice=an opinion that is formed before one knows the facts; reluctant=not willing to "
    "do something and slow to do it; rumour=a story that is passed on although nobody knows if it is true; "
    "souvenir=a thing that one keeps in memory of a place; stubborn=not willing to change one's mind; surplus=what "
    "is left over when needs have been met; synonym=a word that means the same or nearly the same as another; "
    "tenant=a person who pays rent to live in a place; transparent=letting light through so that one can see what "
    "is behind; treaty=a formal agreement between states; tributary=a river that flows into a larger one; veteran=a "
    "person with long experience, often a former soldier; witness=a person who saw something happen and can tell "
    "about it; yield=the amount that a field or a machine produces"
)
LISTS = _pairs(
    "fruits=apple, pear, cherry, mango, plum, fig; vegetables=carrot, leek, spinach, cabbage, turnip, radish; "
    "musical instruments=violin, trumpet, flute, drum, harp, piano; wild animals=fox, deer, wolf, badger, lynx, "
    "bear; things in a kitchen=pan, kettle, ladle, grater, sieve, oven; pieces of furniture=table, wardrobe, chair, "
    "bed, desk, shelf; means of transport=train, ferry, bus, tram, bicycle, aeroplane; jobs=nurse, carpenter, "
    "pilot, baker, lawyer, gardener; sports=tennis, rowing, judo, hockey, fencing, volleyball; spices=pepper, "
    "cumin, cinnamon, nutmeg, ginger, saffron; trees=oak, birch, beech, pine, maple, willow; birds=robin, owl, "
    "swallow, heron, sparrow, eagle; metals=iron, copper, zinc, silver, tin, lead; planets=Venus, Mars, Jupiter, "
    "Saturn, Uranus, Neptune; emotions=joy, anger, fear, pride, envy, hope; tools=hammer, saw, drill, pliers, file, "
    "chisel; clothes=coat, scarf, shirt, glove, skirt, sock; drinks=tea, coffee, lemonade, milk, cocoa, juice; "
    "parts of a car=wheel, engine, brake, mirror, door, bumper; insects=ant, beetle, wasp, moth, fly, cricket; "
    "school subjects=history, biology, geography, art, chemistry, music; gases=oxygen, nitrogen, helium, hydrogen, "
    "argon, neon; European rivers=Rhine, Danube, Loire, Thames, Ebro, Elbe; flowers=tulip, rose, daisy, lily, "
    "poppy, orchid; shapes=circle, square, triangle, oval, pentagon, cube; games=chess, dominoes, darts, draughts, "
    "cards, hide-and-seek; sea animals=whale, seal, squid, shark, crab, dolphin; kinds of weather=rain, fog, hail, "
    "snow, sunshine, storm; parts of the body=elbow, knee, ear, shoulder, ankle, neck; continents=Africa, Asia, "
    "Europe, Australia, Antarctica, South America"
)
REVIEWS = _pairs(  # sentiment
    "The staff were kind and the room was spotless=positive; I waited an hour and the food was cold=negative; Best "
    "headphones I ever had=positive; It broke after two days=negative; A moving film with a perfect "
    "ending=positive; The jokes fall flat and the plot makes no sense=negative; Fast delivery and a lovely "
    "colour=positive; The zip was torn when it arrived=negative; We will certainly come back=positive; Never "
    "again=negative; The guide knew everything and was great fun=positive; The seats were dirty and the heating was "
    "off=negative; This pan is worth every penny=positive; Loud, slow and far too expensive=negative; My children "
    "love this game=positive; The instructions are impossible to follow=negative; A delicious soup and fresh "
    "bread=positive; The app crashes every time I open it=negative; The new version is so much faster=positive; The "
    "colour washed out at once=negative; Such a peaceful place to stay=positive; They lost my luggage and blamed "
    "me=negative; A clear and helpful book=positive; I fell asleep after ten pages=negative"
)
HEADLINES = _pairs(  # topic
    "Striker signs for three more years=sports; Central bank leaves rates unchanged=business; New telescope sees "
    "distant galaxies=science; Parliament votes on school reform=politics; Orchestra opens season with new "
    "conductor=culture; Sprinter breaks national record=sports; Carmaker reports higher profits=business; "
    "Researchers find frog thought extinct=science; Minister resigns after vote=politics; Novel about lighthouse "
    "wins prize=culture; Cup final goes to penalties=sports; Shares fall after weak harvest=business; Vaccine trial "
    "shows good results=science; Mayor wins second term=politics; Museum buys lost painting=culture; Tennis star "
    "returns after injury=sports; Supermarket chain opens forty shops=business; Probe lands on asteroid=science; "
    "Coalition talks enter third week=politics; Theatre stages forgotten comedy=culture; Rowers take gold on home "
    "lake=sports; Airline cuts its prices=business; Glacier is melting faster than expected=science; Senate passes "
    "budget=politics; Festival draws young directors=culture"
)
MESSAGES = _pairs(  # name, day, place
    "Ines=Friday=the harbour; Tobias=Monday=the library; Amara=Sunday=the old mill; Pedro=Tuesday=the north gate; "
    "Yara=Saturday=the swimming pool; Louis=Thursday=platform two; Meera=Wednesday=the bakery; Anton=Friday=the "
    "museum; Bea=Sunday=the tram stop; Karim=Monday=the town hall; Greta=Saturday=the market; Dev=Tuesday=the "
    "cinema; Salma=Thursday=the park gate; Victor=Wednesday=the airport; Nora=Friday=the school yard; "
    "Elias=Sunday=the bridge; Paula=Monday=the theatre; Hassan=Saturday=the ice rink; Lotte=Tuesday=the book shop; "
    "Idris=Thursday=the stadium"
)
WORDS = (
    "lantern meadow copper violin harvest basket thunder pepper window saddle marble ribbon orchard candle falcon "
    "blanket timber kettle garden needle island jacket mirror pocket quarry rocket shadow tunnel urchin valley walnut"
).split()
